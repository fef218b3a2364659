"""Read models of the sessions service: servers and their storage."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from .metadata import Timestamp, metadata

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("user", Text, nullable=False),
    Column("server_name", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("launch_id", Uuid),
    Column("repo", Text),
    Column("ref", Text),
    Column("commit", Text),
    Column("environment_id", Text),
    Column("content_id", Text),
    Column("image", Text),
    Column("path", Text),
    Column("started_at", Timestamp),
    Column("last_activity", Timestamp),
    Column("activity_source", Text),
    Column("observed_at", Timestamp),
    Column("warned_at", Timestamp),
    Column("enforcement", JSONB, nullable=False, server_default=text("'[]'")),
    Column("created_at", Timestamp, nullable=False),
    Column("deleted_at", Timestamp),
    # A name is one server at a time; a deleted one frees it.
    Index(
        "uq_sessions_user_server_name", "user", "server_name", unique=True, postgresql_where=text("deleted_at IS NULL")
    ),
    Index("ix_sessions_user", "user"),
    Index("ix_sessions_repo", "repo"),
    Index("ix_sessions_environment_id_started_at", "environment_id", "started_at"),
    Index("ix_sessions_state", "state", postgresql_where=text("deleted_at IS NULL")),
)

volumes = Table(
    "volumes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("limit", BigInteger, nullable=False),
    Column("backend", Text, nullable=False),
    Column("used", BigInteger),
    Column("measured_at", Timestamp),
    Column("created_at", Timestamp, nullable=False),
    Column("deleted_at", Timestamp),
    Index("ix_volumes_session_id", "session_id"),
)
