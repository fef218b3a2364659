"""JupyterLab, imported sooner.

Where node is on PATH, importing JupyterLab runs yarn to learn which registry extensions would be built from. Nothing is
built in a read-only environment, and it costs every start most of a second: so node is out of sight meanwhile. So are
the HTTP clients of an extension manager that is not the configured one, and of lists of extensions that nobody gave,
and the check of durations in the schemas of events, for which the names of all months in all languages are imported.
"""

import importlib
import os
from typing import Any

from .out_of_sight import build_stand_in, out_of_sight


def _later(module: str, name: str) -> Any:
    """Build what calls a module's function, or class, by importing it first."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **options)

    return call


_PYPI = "jupyterlab.extensions.pypi"
_PATH = os.environ.get("PATH", os.defpath)
os.environ["PATH"] = "/nonexistent"
try:
    with out_of_sight(
        build_stand_in(_PYPI, PyPIExtensionManager=_later(_PYPI, "PyPIExtensionManager")),
        build_stand_in("requests", request=_later("requests", "request")),
        missing=("isoduration",),
    ):
        import jupyterlab.labapp  # noqa: F401  imported for its side effects, while there is no node
finally:
    os.environ["PATH"] = _PATH
