"""the timeline: the indexes that lead from a user or repository to its events"""

from alembic import op

revision = "20261123_0002"
down_revision = "20261123_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_events_kind_position", "events", ["kind", "position"])
    op.create_index("ix_launches_repo", "launches", ["repo"])
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_index("ix_sessions_repo", "sessions", ["repo"])
    op.create_index("ix_sessions_environment_id_started_at", "sessions", ["environment_id", "started_at"])
    op.create_index("ix_builds_requesters", "builds", ["requesters"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_builds_requesters", table_name="builds")
    op.drop_index("ix_sessions_environment_id_started_at", table_name="sessions")
    op.drop_index("ix_sessions_repo", table_name="sessions")
    op.drop_index("ix_sessions_user", table_name="sessions")
    op.drop_index("ix_launches_repo", table_name="launches")
    op.drop_index("ix_events_kind_position", table_name="events")
