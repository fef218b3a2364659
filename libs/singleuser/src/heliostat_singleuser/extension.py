"""The extension: looks at the running server and reports."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Float
from typing_extensions import override

from .activity import Activity
from .reporter import INTERVAL, ActivityReporter


class ActivityExtension(ExtensionApp):
    """Reports activity to the address in ``HELIOSTAT_ACTIVITY_URL`` with the server's own hub token."""

    name = "heliostat_singleuser"

    interval = Float(INTERVAL.total_seconds(), help="Seconds between two reports.").tag(config=True)

    @override
    def initialize_settings(self) -> None:
        """Begin to observe requests; jupyter_server calls this once while it loads extensions."""
        self._activity = Activity(started_at=datetime.now(timezone.utc))
        self._task: asyncio.Task[None] | None = None
        # These settings replace the server's own as soon as this returns.
        self.settings["log_function"] = _observing(self._activity, self.settings["log_function"])

    @override
    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        url, token = os.environ.get("HELIOSTAT_ACTIVITY_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
        if not url or not token:
            return
        reporter = ActivityReporter(
            url=url, token=token, read_report=self.read_report, interval=timedelta(seconds=self.interval)
        )
        self._task = asyncio.create_task(reporter.run(), name="heliostat activity")

    @override
    async def stop_extension(self) -> None:
        """Stop reporting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @property
    def _server(self) -> ServerApp:
        if self.serverapp is None:
            raise RuntimeError("the extension is not linked to a server")
        return self.serverapp

    def read_report(self) -> dict[str, Any]:
        """Look at kernels and terminals and build the report."""
        kernels = self._server.kernel_manager
        self._activity.observe_kernels([kernels.get_kernel(kernel_id) for kernel_id in kernels.list_kernel_ids()])
        terminals = self._server.web_app.settings.get("terminal_manager")
        open_terminals = terminals.terminals.values() if terminals is not None else ()
        self._activity.observe_terminals([t.last_activity for t in open_terminals if hasattr(t, "last_activity")])
        return self._activity.to_report()


def _observing(activity: Activity, log: Callable[[Any], None]) -> Callable[[Any], None]:
    """Wrap the server's log function, which is called with every handler that has answered."""

    def observe(handler: Any) -> None:
        activity.observe_request(handler)
        log(handler)

    return observe
