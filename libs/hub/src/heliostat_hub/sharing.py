"""The hub's own share API, with policy asked before access is given.

Users hold JupyterHub's scopes for sharing their servers, so they can come without the sessions service. The hub has no
hook for shares (6.1): its two handlers that give access are replaced by subclasses before it builds its routes.
"""

from typing import Any

from jupyterhub.apihandlers.shares import ServerShareAPIHandler, ServerShareCodeAPIHandler
from jupyterhub.scopes import needs_scope

from .api_routes import replace_handlers
from .gate import AdmissionGate

USER_SCOPES = ("shares!user", "read:users:name", "read:groups:name")
"""What users need at the hub to share their servers with users and groups whose names they know."""


def admit_shares(gate: AdmissionGate) -> None:
    """Have every share and share code of this process's hub admitted; call it while the hub reads its configuration."""

    class ShareHandler(ServerShareAPIHandler):  # type: ignore[misc]  # jupyterhub ships no types
        @needs_scope("shares")  # type: ignore[untyped-decorator]  # before policy: what is another's is no question
        async def post(self, user_name: str, server_name: str | None = None) -> None:
            if server_name is not None:
                await gate.admit_share(self, user_name, server_name, share_with=_describe_guest(self.get_json_body()))
            await super().post(user_name, server_name)

    class ShareCodeHandler(ServerShareCodeAPIHandler):  # type: ignore[misc]
        @needs_scope("shares")  # type: ignore[untyped-decorator]
        async def post(self, user_name: str, server_name: str | None = None) -> None:
            if server_name is not None:
                await gate.admit_share(self, user_name, server_name, share_with="whoever has a share code")
            await super().post(user_name, server_name)

    replace_handlers({ServerShareAPIHandler: ShareHandler, ServerShareCodeAPIHandler: ShareCodeHandler})


def _describe_guest(body: Any) -> str | None:
    """Say who would get access, as far as the body can be read; what is wrong with it the hub itself says."""
    guests = body if isinstance(body, dict) else {}
    named = [f"{kind} {guests[kind]}" for kind in ("user", "group") if isinstance(guests.get(kind), str)]
    return " and ".join(named) or None
