"""A further command in a container that runs already."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from aiodocker.execs import Exec
from aiodocker.stream import Stream

from .engine import Engine
from .loglines import LineSplitter

__all__ = ["Command"]

_ENDING = timedelta(seconds=5)
_POLL = timedelta(milliseconds=20)


class Command:
    """A command whose input is open until `close`: that way it knows that whoever began it is there, or was killed."""

    def __init__(self, engine: Engine, execution: Exec, stream: Stream) -> None:
        self._engine = engine
        self._execution = execution
        self._stream = stream

    async def read_lines(self) -> AsyncGenerator[str]:
        """Yield the lines it writes, stdout and stderr together, until it ends. How long that may take is the caller's.

        Raises
        ------
        EngineError
        """
        lines = LineSplitter(skip=0)
        async with self._engine.call("read what a command writes", deadline=None):
            while (message := await self._stream.read_out()) is not None:
                for line in lines.feed(message.data.decode(errors="replace")):
                    yield line
        for line in lines.end():
            yield line

    async def read_status(self) -> int:
        """Return the exit status of a command that has ended.

        Raises
        ------
        EngineError
        """
        async with self._engine.call("say how a command ended"):
            return int((await self._execution.inspect())["ExitCode"])

    async def close(self) -> None:
        """Close its input, by which it ends, and wait for that for some seconds; closed already is success.

        Raises
        ------
        EngineError
        """
        await self._stream.close()
        until = asyncio.get_running_loop().time() + _ENDING.total_seconds()
        async with self._engine.call("say whether a command has ended"):
            while (await self._execution.inspect())["Running"]:
                if asyncio.get_running_loop().time() >= until:
                    return
                await asyncio.sleep(_POLL.total_seconds())
