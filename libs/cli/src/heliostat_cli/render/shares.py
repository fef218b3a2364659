"""Shared servers as text."""

from collections.abc import Sequence

from heliostat_core.contracts.sessions import SharedServerView, ShareView

from .text import build_table, show_server, show_time


def build_share_table(shares: Sequence[ShareView]) -> list[str]:
    """List who may use a server, one a line."""
    if not shares:
        return ["Nobody else may use it."]
    return build_table(
        ["KIND", "NAME", "SINCE"], [[share.kind, share.name, show_time(share.created_at)] for share in shares]
    )


def build_shared_table(servers: Sequence[SharedServerView]) -> list[str]:
    """List servers of others, one a line."""
    if not servers:
        return ["Nobody shares a server with you."]
    rows = [
        [
            server.owner,
            show_server(server.name),
            "running" if server.ready else "stopped",
            server.repo or "",
            f"{server.shared_with.kind} {server.shared_with.name}",
            server.url,
        ]
        for server in servers
    ]
    return build_table(["OWNER", "NAME", "STATE", "REPOSITORY", "THROUGH", "URL"], rows)
