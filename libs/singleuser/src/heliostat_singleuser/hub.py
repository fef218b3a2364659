"""JupyterHub's client side, imported without the hub.

The single-user server logs, counts and compares scopes with the hub's modules, and these import its handlers and its
database: half a second of SQLAlchemy and Alembic, and 35 MiB, for what only a hub ever calls. Its HTTP client is
aiohttp's, which takes a fifth of a second and 8 MiB more; until somebody needs what only that one can do, requests to
the hub go out by tornado, as they did before JupyterHub 6 (`hub_client.py`).
"""

import sys

from . import hub_client
from .out_of_sight import build_stand_in, out_of_sight

sys.modules.setdefault(
    hub_client.NAME, build_stand_in(hub_client.NAME, fetch=hub_client.fetch, __getattr__=hub_client.find)
)

with out_of_sight(
    build_stand_in("aiohttp"),
    build_stand_in("sqlalchemy", __path__=[]),
    build_stand_in("sqlalchemy.exc", SQLAlchemyError=type("SQLAlchemyError", (Exception,), {})),
    build_stand_in("jupyterhub.orm"),
    build_stand_in("jupyterhub.roles"),
    build_stand_in("jupyterhub.handlers", __path__=[]),
    build_stand_in("jupyterhub.handlers.pages", HealthCheckHandler=type("HealthCheckHandler", (), {})),
):
    import jupyterhub.log
    import jupyterhub.scopes  # noqa: F401
