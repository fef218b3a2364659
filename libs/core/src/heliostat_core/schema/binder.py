"""What BinderHub's API needs to remember: who asked how often, and users that were made for one launch."""

from sqlalchemy import Column, Index, Integer, Table, Text, Uuid, text

from .metadata import Timestamp, metadata

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", Text, primary_key=True),
    Column("used", Integer, nullable=False),
    Column("ends_at", Timestamp, nullable=False),
    Index("ix_rate_limits_ends_at", "ends_at"),
)

temporary_users = Table(
    "temporary_users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("launch_id", Uuid),
    Column("created_at", Timestamp, nullable=False, server_default=text("now()")),
)
