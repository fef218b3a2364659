"""One Alembic history for all services, shipped in the wheel."""
