"""Caches of the builder: what a ref resolved to a moment ago, and what a commit's files say for ever."""

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from .metadata import Timestamp, metadata

resolutions = Table(
    "resolutions",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("repo", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("commit", Text, nullable=False),
    Column("etag", Text),
    Column("resolved_at", Timestamp, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("repo", Text, primary_key=True),
    Column("commit", Text, primary_key=True),
    Column("recipe", Text, primary_key=True),
    Column("plan", JSONB, nullable=False),
)
