"""A jupyter_server extension that reports what a user really does.

JupyterHub's own ``last_activity`` counts the polling of a visible, idle tab as activity and a silent computation as
none. This extension looks at the causes instead, and reports each with its time to Heliostat's sessions service. It is
enabled by the configuration file its wheel installs, and does nothing where no address to report to is set.

In the docker runtime it is also shown, as source, to images with a Python of their own: it runs from 3.9 on.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .extension import ActivityExtension  # noqa: PLC0415  jupyter_server, of which `lab` leaves a part out

    return [{"module": "heliostat_singleuser", "app": ActivityExtension}]
