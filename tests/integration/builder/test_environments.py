"""Environments as administrators see them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from heliostat_core.schema import environments, sessions
from sqlalchemy import insert

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def test_an_environment_was_used_when_a_server_with_it_was_last_started(builder, admin, ada, database):
    kept, deleted = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    async with database.transaction() as connection:
        for name in ("used", "unused"):
            row = {"id": name, "recipe": "1", "python": "3.11", "lock": "", "created_at": NOW}
            await connection.execute(insert(environments).values(**row))
        for started, ended in ((kept, None), (deleted, NOW), (None, None)):
            server = {"user": "ada", "server_name": uuid4().hex, "origin": "api", "state": "stopped", "version": 1}
            used = {"environment_id": "used", "created_at": NOW, "started_at": started, "deleted_at": ended}
            await connection.execute(insert(sessions).values({"id": uuid4(), **server, **used}))
    found = {view["id"]: view for view in (await builder.get("api/v1/environments", headers=admin)).json()}
    assert datetime.fromisoformat(found["used"]["last_used_at"]) == deleted
    assert found["unused"]["last_used_at"] is None
    assert (await builder.get("api/v1/environments/used", headers=admin)).json() == found["used"]
    assert (await builder.get("api/v1/environments", headers=ada)).status_code == 403
