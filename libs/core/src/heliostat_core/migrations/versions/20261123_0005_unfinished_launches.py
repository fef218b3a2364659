"""launches under way are found without reading all there ever were"""

import sqlalchemy as sa
from alembic import op

revision = "20261123_0005"
down_revision = "20261123_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_launches_unfinished", "launches", ["state"], postgresql_where=sa.text("finished_at IS NULL"))


def downgrade() -> None:
    op.drop_index("ix_launches_unfinished", table_name="launches")
