"""What each service's database role may do: least rights, in one table that people can read."""

from sqlalchemy import Connection, text

_READ = "SELECT"
_ALL = "SELECT, INSERT, UPDATE, DELETE"
_LOG = "SELECT, INSERT"
# TRUNCATE is what a rebuild of read models needs; an owner of read models may empty them, nobody may empty the log.
_OWN = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE"

GRANTS: dict[str, dict[str, str]] = {
    "heliostat_builder": {
        "events": _LOG,
        "followers": _ALL,
        "work_items": _ALL,
        "builds": _OWN,
        "environments": _OWN,
        "build_log_lines": _LOG,
        "resolutions": _ALL,
        "plans": _ALL,
        "alembic_version": _READ,
        "sessions": _READ,
        "launches": "SELECT (id, plan, finished_at)",
        "retention_marks": _ALL,
    },
    "heliostat_sessions": {
        "events": _LOG,
        "followers": _ALL,
        "work_items": _ALL,
        "launches": _OWN,
        "sessions": _OWN,
        "volumes": _OWN,
        "observations": _ALL,
        "build_log_lines": _READ,
        "builds": _READ,
        "decisions": _READ,
        "rate_limits": _ALL,
        "temporary_users": _ALL,
        "alembic_version": _READ,
    },
    "heliostat_policy": {
        "events": _LOG,
        "followers": _ALL,
        "work_items": _ALL,
        "policies": _OWN,
        "decisions": _OWN,
        "usage": _OWN,
        "reservations": _ALL,
        "alembic_version": _READ,
    },
}


def apply_grants(connection: Connection) -> None:
    """Give every role exactly its rights; the roles must exist."""
    for role, tables in GRANTS.items():
        connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
        for table, rights in tables.items():
            connection.execute(text(f'GRANT {rights} ON "{table}" TO {role}'))
