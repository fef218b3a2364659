"""What operators see of all servers, launches and volumes, whichever replica they ask."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from heliostat_core.database import Database, DatabaseUnavailableError
from pydantic import SecretStr
from sqlalchemy import text

from tests.support.postgres import Postgres

from .conftest import Service, World

_LAUNCH = text("""
INSERT INTO launches (id, version, state, "user", groups, repo, ref, new, created_at, finished_at)
VALUES (gen_random_uuid(), 1, :state, 'ada', '[]', 'r', 'HEAD', false, now() - interval '90 seconds',
        CASE WHEN :finished THEN now() END)
""")
_SESSION = text("""
INSERT INTO sessions (id, version, "user", server_name, origin, state, observed_at, created_at, deleted_at)
VALUES (:id, 1, 'ada', :name, 'launch', :state, now() - CAST(:heard AS interval), now() - interval '1 day',
        CASE WHEN :state = 'deleted' THEN now() END)
""")
_VOLUME = text("""
INSERT INTO volumes (id, session_id, "limit", backend, used, created_at, deleted_at)
VALUES (gen_random_uuid()::text, gen_random_uuid(), 1000, 'directory', :used, now(), CASE WHEN :gone THEN now() END)
""")
_CUT_OFF = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sessions'")


async def fill(database: Database) -> None:
    async with database.transaction() as connection:
        for state, finished in (("building", False), ("building", False), ("spawning", False), ("ready", True)):
            await connection.execute(_LAUNCH, {"state": state, "finished": finished})
        servers = [("running", 1), ("running", 60), ("stopping", 60), ("stopped", 60), ("deleted", 60)]
        for number, (state, minutes) in enumerate(servers):
            values = {"id": uuid4(), "name": f"s{number}", "state": state, "heard": timedelta(minutes=minutes)}
            await connection.execute(_SESSION, values)
        for used, gone in ((100, False), (900, False), (1000, False), (None, False), (1000, True)):
            await connection.execute(_VOLUME, {"used": used, "gone": gone})
        await connection.execute(text("INSERT INTO temporary_users (name) VALUES ('binder-1')"))


async def read_metrics(service: Service) -> dict[str, str]:
    lines = (await service.client.get(f"{service.url}/metrics")).text.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


async def test_two_replicas_show_the_same_numbers(world: World, service: Service) -> None:
    other = await world.start()
    await fill(world.database)
    for replica in (service, other):
        await replica.process.factory.census.take()
        metrics = await read_metrics(replica)
        shown = {name: value for name, value in metrics.items() if re.match("heliostat_(volumes|servers|temp)", name)}
        assert shown == {
            'heliostat_servers{state="stopped"}': "1.0",
            'heliostat_servers{state="running"}': "2.0",
            'heliostat_servers{state="stopping"}': "1.0",
            'heliostat_servers{state="deleting"}': "0.0",
            "heliostat_servers_unheard": "2.0",
            "heliostat_temporary_users": "1.0",
            "heliostat_volumes": "4.0",
            "heliostat_volumes_used_bytes": "2000.0",
            "heliostat_volumes_limit_bytes": "4000.0",
            "heliostat_volumes_nearly_full": "2.0",
        }
        assert metrics['heliostat_launches_under_way{state="building"}'] == "2.0"
        assert metrics['heliostat_launches_under_way{state="planned"}'] == "0.0"
        assert 90 <= float(metrics["heliostat_launch_oldest_age_seconds"]) < 600


async def test_without_a_database_nothing_old_is_shown(world: World, postgres: Postgres, tmp_path: Path) -> None:
    road = tmp_path / "road"
    road.symlink_to(postgres.socket)
    url = world.config.database_url.get_secret_value().replace(str(postgres.socket), str(road))
    service = await world.start(database_url=SecretStr(url))
    await fill(world.database)
    await service.process.factory.census.take()
    assert (await read_metrics(service))["heliostat_volumes"] == "4.0"
    road.unlink()
    async with world.database.transaction() as connection:
        await connection.execute(_CUT_OFF)
    with pytest.raises(DatabaseUnavailableError):
        await service.process.factory.census.take()
    metrics = await read_metrics(service)
    assert (metrics["heliostat_volumes"], metrics['heliostat_servers{state="running"}']) == ("NaN", "NaN")
    assert (metrics["heliostat_database_reachable"], metrics["heliostat_ready"]) == ("0.0", "0.0")


async def test_peers_that_are_away_are_seen(world: World) -> None:
    world.builder.down = True
    service = await world.start()
    await service.process.factory.health.check()
    metrics = await read_metrics(service)
    peers = {peer: metrics[f'heliostat_peer_reachable{{peer="{peer}"}}'] for peer in ("hub", "builder", "policy")}
    assert peers == {"hub": "1.0", "builder": "0.0", "policy": "1.0"}
