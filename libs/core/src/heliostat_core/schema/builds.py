"""Read models of the builder, and the numbered lines of build output."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from .metadata import Timestamp, metadata

builds = Table(
    "builds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("image_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("requested_by", Text, nullable=False),
    Column("requesters", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("created_at", Timestamp, nullable=False),
    Column("started_at", Timestamp),
    Column("finished_at", Timestamp),
    Column("failure", JSONB),
    Column("image", Text),
    # One build per identity, however many ask: the second insert of an unfinished one conflicts.
    Index(
        "uq_builds_image_id",
        "image_id",
        unique=True,
        postgresql_where=text("state IN ('queued', 'running')"),
    ),
    Index("ix_builds_repo_created_at", "repo", "created_at"),
    Index("ix_builds_created_at", "created_at"),
    Index("ix_builds_image_id_created_at", "image_id", "created_at"),
    Index("ix_builds_requesters", "requesters", postgresql_using="gin"),
)

build_log_lines = Table(
    "build_log_lines",
    metadata,
    Column("build_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("time", Timestamp, nullable=False, server_default=text("clock_timestamp()")),
    Column("phase", Text, nullable=False),
    Column("text", Text, nullable=False),
)

environments = Table(
    "environments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("build_id", Uuid),
    Column("recipe", Text, nullable=False),
    Column("python", Text, nullable=False),
    Column("lock", Text, nullable=False),
    Column("size", BigInteger),
    Column("image", Text),
    Column("created_at", Timestamp, nullable=False),
    Column("retired_at", Timestamp),
    Column("pinned_by", Text),
    Column("pinned_at", Timestamp),
)
