"""What a single-user server imports whoever it is for, so that it can be imported before that is known.

`jupyterhub.services.auth` and `jupyterhub.singleuser` take what the hub says from the environment while they are
imported, so they are left to the server.
"""

import heliostat_singleuser.lab  # isort: skip  before anything else imports JupyterLab
import heliostat_singleuser.hub  # isort: skip  # noqa: F401  before anything else imports JupyterHub
import importlib
import sys
from pathlib import Path

import jinja2.ext  # noqa: F401
import jupyter_core.migrate  # noqa: F401
import tornado.platform.asyncio  # noqa: F401
from jupyter_server.extension.config import ExtensionConfigManager
from jupyter_server.extension.manager import ExtensionPackage
from jupyter_server.serverapp import JUPYTER_SERVICE_HANDLERS

INDEPENDENT_OF = ("PATH",)
"""Read while importing, without consequence: JupyterLab looks for node, which is out of sight."""

_LOADED_BY_EXTENSIONS = ("jupyter_lsp.specs", "terminado")


def _import_handlers() -> None:
    for names in JUPYTER_SERVICE_HANDLERS.values():
        for name in names or ():
            importlib.import_module(name)


def _import_extensions() -> None:
    """Import the extensions that the environment enables; what is wrong with one, the server finds and says."""
    configured = ExtensionConfigManager(read_config_path=[str(Path(sys.prefix, "etc/jupyter"))])
    for name, enabled in configured.get_jpserver_extensions().items():  # type: ignore[no-untyped-call]
        if enabled:
            ExtensionPackage(name=name, enabled=True)  # type: ignore[no-untyped-call]
    for name in _LOADED_BY_EXTENSIONS:
        importlib.import_module(name)


_import_handlers()
_import_extensions()
