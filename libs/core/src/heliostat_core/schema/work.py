"""Work that some process must do, with the lease of the one that does it. Operational state, not a read model."""

from sqlalchemy import Column, Index, Integer, Table, Text, Uuid, text

from .metadata import Timestamp, metadata

work_items = Table(
    "work_items",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("available_at", Timestamp, nullable=False, server_default=text("now()")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lease_token", Uuid),
    Column("lease_owner", Text),
    Index("ix_work_items_kind_available_at", "kind", "available_at"),
)
