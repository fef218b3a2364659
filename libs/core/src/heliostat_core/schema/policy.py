"""Read models of the policy service, and its short reservations."""

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from .metadata import Timestamp, metadata

policies = Table(
    "policies",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("changed_at", Timestamp, nullable=False),
    Column("changed_by", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("time", Timestamp, nullable=False),
    Column("action", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("server_name", Text),
    Column("session_id", Uuid),
    Column("verdict", Text, nullable=False),
    Column("rule", Text),
    Column("policy_version", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Index("ix_decisions_user_time", "user", "time"),
    Index("ix_decisions_session_id_time", "session_id", "time"),
)

usage = Table(
    "usage",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("user", Text, nullable=False),
    Column("server_name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Index("ix_usage_user", "user"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("user", Text, primary_key=True),
    Column("server_name", Text, primary_key=True),
    Column("expires_at", Timestamp, nullable=False),
)
