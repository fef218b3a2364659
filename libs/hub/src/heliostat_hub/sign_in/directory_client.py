"""The directory as the hub's event loop may ask it: in threads, and never for longer than the deadline."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic
from typing import TypeVar

from .accounts import Account
from .directory import Directory, DirectoryUnavailableError
from .names import Login

T = TypeVar("T")

_THREADS = 8  # a directory that hangs holds these and none of the hub's own; what waits for one has the same deadline
_SILENCE = timedelta(seconds=30)
"""How long look-ups fail at once after one found the directory away, so that pages of the hub do not wait for it."""


class DirectoryClient:
    """Asks one directory.

    Parameters
    ----------
    directory
        The directory; its calls block.
    deadline
        No call takes longer.
    """

    def __init__(self, directory: Directory, *, deadline: timedelta) -> None:
        self._directory = directory
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="directory")
        self._silent_until = 0.0

    async def sign_in(self, login: Login, password: str) -> Account:
        """Bind as the user; raise as `Directory.sign_in` does."""
        return await self._run(lambda: self._directory.sign_in(login, password))

    async def find(self, name: str) -> Account | None:
        """Look an account up; raise as `Directory.find` does."""
        if monotonic() < self._silent_until:
            raise DirectoryUnavailableError("it did not answer a moment ago")
        try:
            return await self._run(lambda: self._directory.find(name))
        except DirectoryUnavailableError:
            self._silent_until = monotonic() + _SILENCE.total_seconds()
            raise

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except TimeoutError:
            raise DirectoryUnavailableError(f"no answer within {self._deadline}") from None
