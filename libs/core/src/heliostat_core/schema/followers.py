"""How far each follower of the log has got."""

from sqlalchemy import BigInteger, Column, Table, Text

from .metadata import TransactionId, metadata

followers = Table(
    "followers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("xid", TransactionId, nullable=False),
    Column("position", BigInteger, nullable=False),
)
