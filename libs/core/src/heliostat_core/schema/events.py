"""The log. Rows are only ever inserted."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from .metadata import Timestamp, TransactionId, metadata

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("xid", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("stream", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("time", Timestamp, nullable=False, server_default=text("clock_timestamp()")),
    Column("actor", Text, nullable=False),
    Column("correlation_id", Uuid, nullable=True),
    Column("causation_id", BigInteger, nullable=True),
    Column("data", JSONB, nullable=False),
    Index("uq_events_stream_version", "stream", "version", unique=True),
    Index("ix_events_xid_position", "xid", "position"),
    Index("ix_events_kind_position", "kind", "position"),
    Index("ix_events_correlation_id", "correlation_id", postgresql_where=text("correlation_id IS NOT NULL")),
)
