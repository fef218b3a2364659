"""builds have requesters

Revision ID: 20261123_0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_0002"
down_revision = "20261123_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "builds",
        sa.Column("requesters", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_index("ix_builds_image_id_created_at", "builds", ["image_id", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_builds_image_id_created_at", table_name="builds")
    op.drop_column("builds", "requesters")
