"""What operators see of builds, environments and the disk, whichever replica they ask."""

from uuid import uuid4

import httpx
from heliostat_builder.metrics import BuilderMetrics
from heliostat_builder.services.census import CensusService
from heliostat_builder.storage.census import CensusStorage
from heliostat_core.database import Database
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from tests.integration.builder.conftest import build

_BUILD = text("""
INSERT INTO builds (id, image_id, state, repo, plan, requested_by, created_at)
VALUES (:id, :image, :state, 'r', '{}', 'ada', now() - interval '90 seconds')
""")
_ENVIRONMENT = text("""
INSERT INTO environments (id, recipe, python, lock, size, created_at, retired_at)
VALUES (:id, 'r', '3.11', '', :size, now(), CASE WHEN :retired THEN now() END)
""")


async def test_what_is_under_way_and_kept_is_counted(database: Database, tmp_path) -> None:
    registry = CollectorRegistry()
    metrics = BuilderMetrics(registry)
    async with database.transaction() as connection:
        for number, state in enumerate(("queued", "queued", "running", "succeeded", "failed")):
            await connection.execute(_BUILD, {"id": uuid4(), "image": str(number), "state": state})
        for number, (size, retired) in enumerate(((100, False), (None, False), (1000, True))):
            await connection.execute(_ENVIRONMENT, {"id": str(number), "size": size, "retired": retired})
    storage = CensusStorage(directory=tmp_path)
    await CensusService(database=database, storage=storage, metrics=metrics.census).take()
    read = registry.get_sample_value
    assert read("heliostat_builds_under_way", {"state": "queued"}) == 2
    assert read("heliostat_builds_under_way", {"state": "running"}) == 1
    assert 90 <= (read("heliostat_build_oldest_wait_seconds") or 0) < 600
    assert (read("heliostat_environments"), read("heliostat_environments_size_bytes")) == (2, 100)
    assert 0 < (read("heliostat_disk_free_bytes") or 0) <= (read("heliostat_disk_size_bytes") or 0)


async def test_a_build_that_ended_is_counted_with_its_time_and_why_it_failed(
    builder: httpx.AsyncClient, git, ada: dict[str, str]
) -> None:
    repository = git.create("ada/nothing")
    repository.commit({"requirements.txt": "there-is-no-such-package==1.0"})
    assert (await build(builder, ada, repository.url))["state"] == "failed"
    root = str(builder.base_url).removesuffix("services/builder/")
    lines = (await builder.get(f"{root}metrics")).text.splitlines()
    assert 'heliostat_builds_ended_total{decision="full",outcome="failed"} 1.0' in lines
    assert 'heliostat_build_duration_seconds_count{decision="full",outcome="failed"} 1.0' in lines
    assert 'heliostat_build_failures_total{code="solve_failed"} 1.0' in lines
    assert "heliostat_build_wait_seconds_count 1.0" in lines
