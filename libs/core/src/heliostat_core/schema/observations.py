"""What was last seen of each running server, kept fresh at every report. Operational state, not a read model."""

from sqlalchemy import Column, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from .metadata import Timestamp, metadata

observations = Table(
    "observations",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("last_activity", Timestamp),
    Column("source", Text),
    Column("observed_at", Timestamp),
    Column("reported_at", Timestamp),
    Column("groups", JSONB, nullable=False, server_default=text("'[]'")),
)
