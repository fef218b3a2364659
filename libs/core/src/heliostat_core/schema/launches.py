"""Read model of launches."""

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from .metadata import Timestamp, metadata

launches = Table(
    "launches",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("groups", JSONB, nullable=False),
    Column("repo", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("provider", Text),
    Column("path", Text),
    Column("urlpath", Text),
    Column("server_name", Text),
    Column("new", Boolean, nullable=False),
    Column("idempotency_key", Text),
    Column("commit", Text),
    Column("plan", JSONB),
    Column("build_id", Uuid),
    Column("session_id", Uuid),
    Column("reopened", Boolean, nullable=False, server_default=text("false")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("url", Text),
    Column("error", JSONB),
    Column("created_at", Timestamp, nullable=False),
    Column("finished_at", Timestamp),
    Index(
        "uq_launches_user_idempotency_key",
        "user",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    Index("ix_launches_user_created_at", "user", "created_at"),
    Index("ix_launches_session_id", "session_id"),
    Index("ix_launches_unfinished", "state", postgresql_where=text("finished_at IS NULL")),
    Index("ix_launches_repo", "repo"),
)
