"""Starts all components, keeps them running, and stops them in the opposite order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from .component import Component
from .layout import StateLayout
from .ledger import ProcessLedger
from .logs import bound_logs
from .runner import ComponentRunner
from .status import Phase, StatusBoard

__all__ = ["Supervisor"]

LOG_CHECK = timedelta(seconds=30)


class Supervisor:
    """Runs components until it is told to stop.

    Parameters
    ----------
    ledger
        Its leftovers of an earlier supervisor must have been ended already.
    say
        Tells the person at the terminal one thing.
    """

    def __init__(
        self,
        components: Sequence[Component],
        *,
        layout: StateLayout,
        ledger: ProcessLedger,
        url: str,
        say: Callable[[str], None],
    ) -> None:
        self._components = components
        self._layout = layout
        self._board = StatusBoard(layout.status, url=url, logs={c.name: layout.log(c.name) for c in components})
        self._runners = {
            c.name: ComponentRunner(c, layout=layout, ledger=ledger, board=self._board, say=say) for c in components
        }
        self._say = say

    async def run(self, stop: asyncio.Event, *, on_ready: Callable[[], Awaitable[None]]) -> None:
        """Start everything, call `on_ready`, and go on until `stop` is set.

        Raises
        ------
        LocalError
            A component could not be started; everything was stopped again.
        """
        self._board.enter(Phase.STARTING)
        stopping = asyncio.create_task(stop.wait(), name="wait for the signal to stop")
        tasks = {name: self._create_task(runner) for name, runner in self._runners.items()}
        bounding = asyncio.create_task(self._bound_logs(), name="bound logs")
        try:
            started = asyncio.gather(*(runner.first_ready for runner in self._runners.values()))
            await asyncio.wait((stopping, started), return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                started.result()
                await on_ready()
                self._board.enter(Phase.READY)
                await self._wait_for_end(stopping, bounding, *tasks.values())
        finally:
            self._board.enter(Phase.STOPPING)
            await self._stop(tasks)
            for task in (stopping, bounding):
                task.cancel()
            await asyncio.gather(stopping, bounding, return_exceptions=True)
            self._board.enter(Phase.STOPPED)

    def _create_task(self, runner: ComponentRunner) -> asyncio.Task[None]:
        after = [self._runners[name] for name in runner.component.after]
        return asyncio.create_task(runner.run(after), name=f"run {runner.component.name}")

    async def _wait_for_end(self, *tasks: asyncio.Task[object]) -> None:
        """Wait for the signal; any other task that ends has a mistake of ours in it, which must not stay unseen."""
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _stop(self, tasks: dict[str, asyncio.Task[None]]) -> None:
        """Stop what nothing that still runs depends on, until nothing is left."""
        left = {component.name: component for component in self._components}
        while left:
            needed = {name for component in left.values() for name in component.after}
            ending = [name for name in left if name not in needed]
            self._say(f"stopping {', '.join(ending)}")
            for name in ending:
                tasks[name].cancel()
                del left[name]
            await asyncio.gather(*(tasks[name] for name in ending), return_exceptions=True)

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK.total_seconds())
            await asyncio.to_thread(bound_logs, self._layout.logs)
