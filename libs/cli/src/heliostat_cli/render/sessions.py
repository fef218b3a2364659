"""Servers as text."""

from collections.abc import Sequence

from heliostat_core.contracts.model import Enforcement
from heliostat_core.contracts.sessions import SessionView, StorageView

from .text import build_fields, build_table, show_bytes, show_server, show_time

_SHORT = 12


def build_session_table(sessions: Sequence[SessionView]) -> list[str]:
    """List servers, one a line."""
    if not sessions:
        return ["You have no servers."]
    rows = [
        [
            show_server(session.name),
            session.state.value,
            session.repo or "",
            (session.commit or "")[:_SHORT],
            show_time(session.last_activity),
            show_time(session.idle.stop_at if session.idle else None),
            _show_storage(session.storage),
        ]
        for session in sessions
    ]
    return build_table(["NAME", "STATE", "REPOSITORY", "COMMIT", "LAST ACTIVITY", "STOPS AT", "STORAGE"], rows)


def build_session_lines(session: SessionView) -> list[str]:
    """Describe one server."""
    fields = build_fields(
        [
            ("Server", show_server(session.name)),
            ("Session", str(session.id)),
            ("User", session.user),
            ("State", session.state.value),
            ("Repository", _show_origin(session)),
            ("Environment", session.environment_id),
            ("Started", show_time(session.started_at)),
            ("Last activity", _show_activity(session)),
            ("Will be stopped", _show_stop(session)),
            ("Storage", _show_storage(session.storage)),
            ("URL", session.url),
        ]
    )
    return [*fields, *(_show_limit(limit) for limit in session.limits)]


def _show_origin(session: SessionView) -> str | None:
    if session.repo is None:
        return None
    return f"{session.repo} at {session.commit or '?'} ({session.ref or '?'})"


def _show_activity(session: SessionView) -> str | None:
    if session.last_activity is None:
        return None
    source = f" ({session.activity_source})" if session.activity_source else ""
    return f"{show_time(session.last_activity)}{source}"


def _show_stop(session: SessionView) -> str | None:
    if session.idle is None:
        return None
    when = show_time(session.idle.stop_at) or "no"
    rule = f" by {session.idle.rule}" if session.idle.rule else ""
    return f"{when}{rule}: {session.idle.reason}"


def _show_storage(storage: StorageView) -> str:
    used = "not measured" if storage.used is None else show_bytes(storage.used)
    return used if storage.limit is None else f"{used} of {show_bytes(storage.limit)}"


def _show_limit(limit: Enforcement) -> str:
    amount = f" {limit.limit}" if limit.limit else ""
    if limit.enforced:
        return f"Limit {limit.resource}{amount}: enforced" + (f" by {limit.method}" if limit.method else "")
    return f"Limit {limit.resource}{amount}: NOT enforced" + (f", {limit.reason}" if limit.reason else "")
