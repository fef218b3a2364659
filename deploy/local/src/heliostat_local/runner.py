"""Keeps one component running: start, watch, restart with growing pauses."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from .backoff import Backoff
from .child import Child
from .component import Component
from .errors import ComponentFailedError, LocalError, NotReadyError
from .layout import StateLayout
from .ledger import ProcessLedger
from .logs import read_tail
from .polling import poll_until
from .status import ComponentState, StatusBoard

__all__ = ["ComponentRunner"]

WATCH_INTERVAL = timedelta(seconds=5)
TAIL_LINES = 20


class ComponentRunner:
    """Runs a component until cancelled; `first_ready` is done when it was ready once or could not become so."""

    def __init__(
        self,
        component: Component,
        *,
        layout: StateLayout,
        ledger: ProcessLedger,
        board: StatusBoard,
        say: Callable[[str], None],
    ) -> None:
        self.component = component
        self.first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._log = layout.log(component.name)
        self._ledger = ledger
        self._board = board
        self._say = say
        self._backoff = Backoff()

    async def run(self, after: list["ComponentRunner"]) -> None:
        """Start once the others were ready, then keep it running. A failed first start is final."""
        try:
            await asyncio.gather(*(asyncio.shield(other.first_ready) for other in after))
            while True:
                ended, ready_for = await self._live()
                await self._pause(ended, ready_for)
        except Exception as e:
            if self.first_ready.done():
                raise
            self.first_ready.set_exception(e)
        finally:
            self._board.change(self.component.name, ComponentState.STOPPED)

    async def _live(self) -> tuple[str, timedelta]:
        """Run one process from start to end; return how it ended and for how long it was ready."""
        name = self.component.name
        self._board.change(name, ComponentState.STARTING, detail=self._board.read(name).detail)
        ready_for = timedelta()
        child = None
        try:
            began = monotonic()
            await self.component.prepare()
            child = await Child.start(self.component, self._log)
            self._note_start(child)
            await self._become_ready(child)
            ready_at = monotonic()
            self._announce(child, timedelta(seconds=ready_at - began))
            code = await self._watch(child)
            ready_for = timedelta(seconds=monotonic() - ready_at)
            return describe_exit(code), ready_for
        except LocalError as e:
            if not self.first_ready.done():
                raise self._explain(e) from None
            return str(e), ready_for
        finally:
            if child is not None:
                await child.stop()
                self._ledger.forget(name)

    def _note_start(self, child: Child) -> None:
        if identity := child.identity:
            self._ledger.record(self.component.name, identity)
        self._board.change(self.component.name, ComponentState.STARTING, pid=child.pid)

    async def _become_ready(self, child: Child) -> None:
        """Wait until the component answers and complete its start; raise NotReadyError when it does not."""
        deadline = self.component.start_deadline
        async with asyncio.TaskGroup() as group:
            ended = group.create_task(child.wait(), name=f"{self.component.name} ends")
            ready = group.create_task(
                poll_until(self.component.is_ready, deadline=deadline), name=f"{self.component.name} becomes ready"
            )
            await asyncio.wait((ended, ready), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            ready.cancel()
        if not ended.cancelled():
            raise NotReadyError(describe_exit(ended.result()))
        if not ready.result():
            raise NotReadyError(f"was not ready within {deadline.total_seconds():g} s")
        await self.component.complete()

    def _announce(self, child: Child, took: timedelta) -> None:
        name = self.component.name
        self._board.change(name, ComponentState.READY, pid=child.pid)
        self._say(f"{name} is ready ({took.total_seconds():.1f} s)")
        if not self.first_ready.done():
            self.first_ready.set_result(None)

    async def _watch(self, child: Child) -> int:
        """Wait for the process's end, and meanwhile note when it does not answer."""
        async with asyncio.TaskGroup() as group:
            observer = group.create_task(self._observe(child), name=f"observe {self.component.name}")
            code = await child.wait()
            observer.cancel()
        return code

    async def _observe(self, child: Child) -> None:
        name = self.component.name
        while True:
            await asyncio.sleep(WATCH_INTERVAL.total_seconds())
            answers = await poll_until(self.component.is_ready, deadline=WATCH_INTERVAL)
            state = ComponentState.READY if answers else ComponentState.UNRESPONSIVE
            if state is not self._board.read(name).state:
                detail = None if answers else "the process runs but does not answer"
                self._board.change(name, state, pid=child.pid, detail=detail)

    async def _pause(self, ended: str, ready_for: timedelta) -> None:
        pause = self._backoff.record(ready_for=ready_for)
        state = ComponentState.FAILING if self._backoff.failing else ComponentState.RESTARTING
        detail = f"it {ended}; see {self._log}"
        self._board.change(self.component.name, state, restarted=True, detail=detail)
        self._say(f"{self.component.name} {ended}; restarting in {pause.total_seconds():.1f} s (log: {self._log})")
        await asyncio.sleep(pause.total_seconds())

    def _explain(self, error: LocalError) -> LocalError:
        """Add the log's end when the error says no more than that the component ended."""
        if not isinstance(error, NotReadyError):
            return error
        tail = "\n".join(read_tail(self._log, lines=TAIL_LINES)) or "(empty)"
        return ComponentFailedError(component=self.component.name, reason=str(error), log=self._log, tail=tail)


def describe_exit(code: int) -> str:
    """Say how a process ended."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
