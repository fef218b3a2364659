"""what is built, and what servers start from, may be an image"""

import sqlalchemy as sa
from alembic import op

revision = "20261123_0004"
down_revision = "20261123_0003"
branch_labels = None
depends_on = None

_TABLES = ("builds", "environments", "sessions")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("image", sa.Text(), nullable=True))


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_column(table, "image")
