"""One Alembic history for all services, shipped in the wheel."""

HEAD = "20261123_0006"
"""The newest migration; a test compares it with the history. Every change of grants comes with a migration too."""
