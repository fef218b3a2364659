"""what BinderHub's API remembers"""

import sqlalchemy as sa
from alembic import op

revision = "20261123_0003"
down_revision = "20261123_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_limits")),
    )
    op.create_index("ix_rate_limits_ends_at", "rate_limits", ["ends_at"], unique=False)
    op.create_table(
        "temporary_users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("launch_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_temporary_users")),
    )
    op.add_column("launches", sa.Column("urlpath", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("launches", "urlpath")
    op.drop_table("temporary_users")
    op.drop_index("ix_rate_limits_ends_at", table_name="rate_limits")
    op.drop_table("rate_limits")
