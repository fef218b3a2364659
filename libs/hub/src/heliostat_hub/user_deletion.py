"""Deletion of users whose servers run.

The hub (6.1) stops the default server, and then fails with 500 at the first named one that runs, after it has deleted
the storage of those before it. Here all are stopped first.
"""

import asyncio
from typing import Any

from jupyterhub.apihandlers.users import UserAPIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from .api_routes import replace_handlers

__all__ = ["stop_servers_before_deletion"]


def stop_servers_before_deletion() -> None:
    """Have the servers of a user stopped before the user is deleted; call it while the hub reads its configuration."""
    replace_handlers({UserAPIHandler: _UserHandler})


class _UserHandler(UserAPIHandler):  # type: ignore[misc]  # jupyterhub ships no types
    @needs_scope("delete:users")  # type: ignore[untyped-decorator]  # before anything is stopped
    async def delete(self, user_name: str) -> None:
        user = self.find_user(user_name)
        if user is not None and user.name != self.current_user.name:
            _refuse_while_pending(user)
            running = [name for name, spawner in user.spawners.items() if spawner.active]
            await asyncio.gather(*(self.stop_single_user(user, name) for name in running))
            _refuse_while_pending(user)  # the hub waits for a slow stop only so long
        await super().delete(user_name)


def _refuse_while_pending(user: Any) -> None:
    for name, spawner in user.spawners.items():
        if spawner.pending:
            server = f"{user.name}'s server {name}" if name else f"{user.name}'s default server"
            raise web.HTTPError(400, f"{server} is in the middle of a {spawner.pending}. Try again when it is done.")
