"""When things on the shelf were last planned with, and who is removing them. Operational state, not a read model."""

from sqlalchemy import Column, Table, Text, Uuid

from .metadata import Timestamp, metadata

retention_marks = Table(
    "retention_marks",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("used_at", Timestamp),
    # The token of the lease under which it is being removed; without that lease it means nothing.
    Column("removing_by", Uuid),
)
