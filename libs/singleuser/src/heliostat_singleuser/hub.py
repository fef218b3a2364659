"""JupyterHub's client side, imported without the hub.

The single-user server logs, counts and compares scopes with the hub's modules, and these import its handlers and its
database: half a second of SQLAlchemy and Alembic, and 35 MiB, for what only a hub ever calls. So these are out of
sight meanwhile, as node is in `lab.py`; whoever imports them later gets the real ones.
"""

import sys
from types import ModuleType
from typing import Any


def _build_stand_in(name: str, **content: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(content)
    return module


_STAND_INS = {
    module.__name__: module
    for module in (
        _build_stand_in("sqlalchemy", __path__=[]),
        _build_stand_in("sqlalchemy.exc", SQLAlchemyError=type("SQLAlchemyError", (Exception,), {})),
        _build_stand_in("jupyterhub.orm"),
        _build_stand_in("jupyterhub.roles"),
        _build_stand_in("jupyterhub.handlers", __path__=[]),
        _build_stand_in("jupyterhub.handlers.pages", HealthCheckHandler=type("HealthCheckHandler", (), {})),
    )
}

_REAL = {name: sys.modules[name] for name in _STAND_INS if name in sys.modules}
sys.modules.update({name: module for name, module in _STAND_INS.items() if name not in _REAL})
try:
    import jupyterhub.log
    import jupyterhub.scopes  # noqa: F401
finally:
    for _name in _STAND_INS.keys() - _REAL.keys():
        del sys.modules[_name]
