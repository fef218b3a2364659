"""What is removed and what stays: over HTTP, with a real Postgres, and environments that were really built."""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from heliostat_builder.config import BuilderConfig
from heliostat_builder.domain.retention import ShelfItem
from heliostat_builder.errors import RetentionRunningError
from heliostat_builder.factory import ProcessContext
from heliostat_builder.services.shelf import Shelf
from heliostat_core.contracts.builds import BuildRequest, PlanDecision
from heliostat_core.metrics import create_registry
from sqlalchemy import text

from .conftest import build, build_wheel

LONG_AGO = 3 * 86_400
AGED: dict[str, Any] = {"retention_age": "2d"}


@dataclass
class Made:
    """What a build left, and everything known of its use made old."""

    url: str
    plan: dict[str, Any]
    state: Path

    @property
    def files(self) -> list[Path]:
        environment = self.state / "environments" / self.plan["environment_id"] / "heliostat.json"
        return [environment, self.state / "contents" / f"{self.plan['content_id']}.tar"]

    def is_there(self) -> bool:
        return all(path.exists() for path in self.files)


@pytest.fixture(scope="session")
def requirement(wheels: Path) -> str:
    """What only environments of these tests have; it is built once for all that do not remove it."""
    name = f"kept{uuid4().hex[:12]}"
    build_wheel(wheels, name, "1.0")
    return name


@pytest.fixture
def make(git, ada, state, database, requirement):
    """Build a commit nobody built before, and let a long time pass."""

    async def make_one(builder) -> Made:
        repository = git.create(f"ada/{uuid4().hex}")
        repository.commit({"requirements.txt": requirement, "file": repository.url})
        made = Made(repository.url, (await build(builder, ada, repository.url))["plan"], state)
        await age(made, database)
        return made

    return make_one


async def age(made: Made, database) -> None:
    then = time.time() - LONG_AGO
    for path in made.files:
        os.utime(path, (then, then))
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE retention_marks SET used_at = now() - interval '3 days'"))


async def collect(builder, admin, *, dry_run: bool = False) -> list[str]:
    response = await builder.post("api/v1/retention/runs", json={"dry_run": dry_run}, headers=admin)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["removed"]]


async def test_what_nothing_needs_goes_and_is_made_again(replica, admin, ada, make, database):
    async with replica(**AGED) as builder:
        made = await make(builder)
        ids = {made.plan["environment_id"], made.plan["content_id"]}
        assert set(await collect(builder, admin, dry_run=True)) == ids
        assert made.is_there()
        assert set(await collect(builder, admin)) == ids
        assert not any(path.exists() for path in made.files)
        assert await collect(builder, admin) == []
        gone = await builder.get(f"api/v1/environments/{made.plan['environment_id']}", headers=admin)
        assert gone.status_code == 404
        async with database.transaction() as connection:
            query = text("SELECT data->>'reason' FROM events WHERE kind = 'environment.retired.v1'")
            assert (await connection.execute(query)).scalar_one() == "nothing used it for 2d"
        again = await build(builder, ada, made.url)
        assert (again["state"], again["plan"]["decision"]) == ("succeeded", "full")
        assert made.is_there()
        metrics = (await builder.get(builder.base_url.copy_with(path="/metrics"))).text
        assert 'heliostat_shelf_items_removed_total{kind="environment",reason="age"} 1.0' in metrics


HOLDS = {
    "server": """INSERT INTO sessions (id, version, "user", server_name, origin, state, environment_id, content_id,
        created_at) VALUES (:id, 1, 'ada', 'survey', 'launch', 'stopped', :environment_id, :content_id, now())""",
    "launch": """INSERT INTO launches (id, version, state, "user", groups, repo, ref, new, plan, created_at)
        VALUES (:id, 1, 'planned', 'ada', '[]', 'r', 'HEAD', false, CAST(:plan AS jsonb), now())""",
    "build": """INSERT INTO builds (id, image_id, state, repo, plan, requested_by, created_at)
        VALUES (:id, 'other', 'running', 'r', CAST(:plan AS jsonb), 'ada', now())""",
}
LET_GO = {
    "server": "UPDATE sessions SET deleted_at = now() - interval '3 days'",
    "launch": "UPDATE launches SET finished_at = now()",
    "build": "UPDATE builds SET state = 'failed' WHERE image_id = 'other'",
}


async def test_what_a_server_a_launch_or_a_build_needs_stays(replica, admin, make, database):
    async with replica(**AGED, retention_space="0B") as builder:
        made = await make(builder)
        for holder, statement in HOLDS.items():
            ids = {name: made.plan[name] for name in ("environment_id", "content_id")}
            values = {"id": uuid4(), **(ids if holder == "server" else {"plan": json.dumps(made.plan)})}
            async with database.transaction() as connection:
                await connection.execute(text(statement), values)
            assert await collect(builder, admin) == []
            items = (await builder.get("api/v1/retention/items", headers=admin)).json()
            named = "server ada/survey" if holder == "server" else f"{holder} {values['id']}"
            assert [item["needed_by"] for item in items if item["id"] in ids.values()] == [[named], [named]]
            async with database.transaction() as connection:
                await connection.execute(text(LET_GO[holder]))
        assert made.is_there()
        assert set(await collect(builder, admin, dry_run=True)) == set(ids.values())


async def test_what_is_pinned_stays_until_it_is_unpinned(replica, admin, ada, make, database):
    async with replica(**AGED) as builder:
        made = await make(builder)
        pin = f"api/v1/environments/{made.plan['environment_id']}/pin"
        assert (await builder.put(pin, headers=ada)).status_code == 403
        assert (await builder.put("api/v1/environments/none/pin", headers=admin)).status_code == 404
        for _ in range(2):
            assert (await builder.put(pin, headers=admin)).status_code == 204
        view = (await builder.get(pin.removesuffix("/pin"), headers=admin)).json()
        assert view["pinned_by"] == "root"
        assert await collect(builder, admin) == []
        assert made.is_there()
        for _ in range(2):
            assert (await builder.delete(pin, headers=admin)).status_code == 204
        assert len(await collect(builder, admin, dry_run=True)) == 2
        async with database.transaction() as connection:
            kinds = await connection.execute(text("SELECT kind FROM events WHERE kind LIKE 'environment.%pinned.v1'"))
            assert [row.kind for row in kinds] == ["environment.pinned.v1", "environment.unpinned.v1"]


async def test_the_shelf_is_the_administrators(builder, ada):
    assert (await builder.get("api/v1/retention/items", headers=ada)).status_code == 403
    assert (await builder.post("api/v1/retention/runs", json={}, headers=ada)).status_code == 403


@dataclass
class SlowShelf(Shelf):
    """A shelf that takes its time with removing one thing."""

    inner: Shelf
    slow: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def list_(self) -> Sequence[ShelfItem]:
        return await self.inner.list_()

    async def remove(self, item: ShelfItem) -> None:
        if item.id == self.slow:
            self.reached.set()
            await self.goes_on.wait()
        await self.inner.remove(item)


@pytest.fixture
def slow_collector(settings):
    """Another replica, which collects and waits before it removes one thing."""

    @asynccontextmanager
    async def start(slow: str):
        config = BuilderConfig(**settings, **AGED)
        async with ProcessContext.open(config, registry=create_registry()) as process:
            retention = process.factory.retention
            shelf = retention._shelf = SlowShelf(retention._shelf, slow)
            collecting = asyncio.create_task(retention.collect(dry_run=False))
            async with asyncio.timeout(20):
                await shelf.reached.wait()
            try:
                yield process, shelf, collecting
            finally:
                shelf.goes_on.set()
                await asyncio.wait([collecting])

    return start


async def test_who_plans_with_what_is_just_being_removed_has_it_made_again(replica, ada, make, slow_collector):
    async with replica() as builder:
        made = await make(builder)
        async with slow_collector(made.plan["content_id"]) as (process, shelf, collecting):
            plan = await process.factory.planning.plan(BuildRequest(repo=made.url))
            assert plan.decision is PlanDecision.FULL
            response = await builder.post("api/v1/builds", json={"repo": made.url}, headers=ada)
            assert response.json()["plan"]["decision"] == "full"
            building = asyncio.create_task(build(builder, ada, made.url))
            assert not (await asyncio.wait([building], timeout=1.5))[0]  # it waits for the removal to end
            shelf.goes_on.set()
            removed = (await collecting).removed
            assert (await building)["state"] == "succeeded"
        assert removed
        assert made.is_there()


async def test_who_plans_before_its_turn_to_be_removed_keeps_it(replica, make, slow_collector, state):
    async with replica() as builder:
        made = await make(builder)
        other = state / "environments" / f"other-{uuid4().hex}"
        other.mkdir()
        (other / "heliostat.json").write_text("{}")
        os.utime(other / "heliostat.json", (0, 0))  # goes first
        async with slow_collector(other.name) as (process, shelf, collecting):
            plan = await process.factory.planning.plan(BuildRequest(repo=made.url))
            assert plan.decision is PlanDecision.HIT
            shelf.goes_on.set()
            report = await collecting
        removed = {item.id for item in report.removed}
        assert other.name in removed
        assert not removed & {made.plan["environment_id"], made.plan["content_id"]}
        assert not report.complete
        assert made.is_there()


async def test_one_process_collects_at_a_time_and_what_a_dead_one_began_counts_for_nothing(
    replica, make, slow_collector, database
):
    async with replica() as builder:
        made = await make(builder)
        async with slow_collector(made.plan["content_id"]) as (process, _, collecting):
            with pytest.raises(RetentionRunningError):
                await process.factory.retention.collect(dry_run=False)
            collecting.cancel()
            await asyncio.wait([collecting])
            assert (await process.factory.planning.plan(BuildRequest(repo=made.url))).decision is PlanDecision.HIT
            async with database.transaction() as connection:  # as one that was killed leaves it
                await connection.execute(text("UPDATE retention_marks SET removing_by = gen_random_uuid()"))
            assert (await process.factory.planning.plan(BuildRequest(repo=made.url))).decision is PlanDecision.HIT
        assert made.is_there()
