"""what is kept and what is removed of what builders made"""

import sqlalchemy as sa
from alembic import op

revision = "20261123_0006"
down_revision = "20261123_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_marks",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removing_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_retention_marks")),
    )
    op.add_column("environments", sa.Column("pinned_by", sa.Text(), nullable=True))
    op.add_column("environments", sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("environments", "pinned_at")
    op.drop_column("environments", "pinned_by")
    op.drop_table("retention_marks")
