"""The metadata with its naming rule, so that migrations can name every constraint."""

from sqlalchemy import DateTime, MetaData
from sqlalchemy.types import UserDefinedType
from typing_extensions import override

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Timestamp = DateTime(timezone=True)


class TransactionId(UserDefinedType[int]):
    """Postgres' ``xid8``: a 64-bit transaction id that never wraps."""

    cache_ok = True

    @override
    def get_col_spec(self, **_: object) -> str:
        """Name the type in DDL."""
        return "xid8"
