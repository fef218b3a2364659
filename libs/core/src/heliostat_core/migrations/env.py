"""Alembic's entry: runs on the connection `heliostat_core.migrate` hands over."""

from alembic import context
from sqlalchemy.dialects.postgresql.base import ischema_names

from heliostat_core.schema import metadata
from heliostat_core.schema.metadata import TransactionId

ischema_names["xid8"] = TransactionId  # SQLAlchemy does not know it and would warn when comparing

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
