"""`heliostat events` and what belongs to one event: the decision, the log."""

import asyncio
import json
from datetime import timedelta
from itertools import islice

import pytest
from heliostat_cli.api import Api
from heliostat_cli.connection import Connection
from heliostat_cli.errors import CommandError
from heliostat_cli.http import HttpClient
from heliostat_cli.timeline import follow_events
from heliostat_core.contracts.builds import BuildState
from heliostat_core.contracts.policy import DecisionView
from heliostat_core.contracts.timeline import TimelineEvent, TimelineLinks, TimelineView

from tests.integration.cli.conftest import Heliostat
from tests.integration.cli.fake import TOKEN, FakeHeliostat
from tests.integration.cli.models import (
    BUILDS,
    ID,
    LAUNCHES,
    NOW,
    POLICY,
    build_build_view,
    build_launch_view,
    build_log,
)

EVENTS = "/services/binder/api/v1/events"


def build_view(*positions: int, older: str | None = None) -> TimelineView:
    events = [
        TimelineEvent(
            position=position,
            time=NOW,
            kind="launch.ready.v1",
            stream=f"launch-{ID}",
            version=7,
            actor="sessions",
            correlation_id=ID,
            summary=f"event {position}",
            data={},
            links=TimelineLinks(self="s"),
        )
        for position in positions
    ]
    return TimelineView(events=events, older=older)


async def test_events_are_told_the_newest_last(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"GET {EVENTS}", (200, build_view(9, 4)))
    done = await heliostat("events", "--launch", str(ID), "--kind", "launch", "--kind", "build", "--limit", "7")
    first, last = done.stdout.splitlines()
    assert first.startswith("2026-11-23 12:30:00Z  launch.ready.v1 ")
    assert "event 4 (by sessions)" in first
    assert "event 9" in last
    assert fake.requests[0].query == f"launch={ID}&kind=launch&kind=build&limit=7"
    as_json = await heliostat("events", "--json")
    assert [event["position"] for event in json.loads(as_json.stdout)["events"]] == [9, 4]


async def test_more_than_a_page_is_read_page_by_page(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"GET {EVENTS}", (200, build_view(9, 8, older="x")), (200, build_view(5)))
    done = await heliostat("events", "--limit", "300", "--json")
    assert [event["position"] for event in json.loads(done.stdout)["events"]] == [9, 8, 5]
    assert [request.query for request in fake.requests] == ["limit=200", "before=8&limit=200"]


async def test_following_gives_every_event_once_also_one_that_was_late(fake: FakeHeliostat, url: str) -> None:
    known = build_view(3000, 2990)
    fake.answer(
        f"GET {EVENTS}",
        (200, build_view(3002, 3000, 2990)),
        (503, "<html>the proxy</html>"),
        (200, build_view(3005, 3004, older="x")),
        (200, build_view(3002, 3001, 3000, 2990)),
    )
    lost: list[CommandError | None] = []

    def follow() -> list[int]:
        with HttpClient(Connection(url=url, token=TOKEN)) as http:
            found = follow_events(
                Api(http), {"user": "ada"}, known=known.events, on_lost=lost.append, pause=timedelta(0)
            )
            return [event.position for event in islice(found, 4)]

    assert await asyncio.to_thread(follow) == [3002, 3001, 3004, 3005]
    assert len(lost) == 1
    assert fake.requests[0].query == "user=ada&after=2990&limit=200"


async def test_a_decision_is_explained(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    decision = DecisionView(
        id=ID,
        time=NOW,
        action="create",
        user="ada",
        server_name="iris",
        session_id=None,
        verdict="refuse",
        rule="named_servers",
        policy_version=7,
        message="You have 5 of 5 named servers",
        facts={"limit": 5},
    )
    fake.answer(f"GET {POLICY}/decisions/{ID}", (200, decision))
    done = await heliostat("policy", "explain", str(ID))
    assert "create iris of ada: refuse (policy version 7, rule named_servers)" in done.stdout
    assert "    limit: 5" in done.stdout


@pytest.mark.parametrize("build_id", [ID, None])
async def test_logs_of_a_launch_are_those_of_its_build(
    fake: FakeHeliostat, heliostat: Heliostat, build_id: object
) -> None:
    fake.answer(f"GET {LAUNCHES}/{ID}", (200, build_launch_view(build_id=build_id)))
    fake.answer(f"GET {BUILDS}/{ID}", (200, build_build_view(BuildState.SUCCEEDED)))
    fake.stream(f"{BUILDS}/{ID}/log", build_log(2))
    done = await heliostat("logs", str(ID))
    assert done.exit_code == 0
    assert done.stdout == ("line 1\nline 2\n" if build_id else "")
    assert ("Nothing had to be built" in done.stderr) is (build_id is None)


async def test_logs_of_a_build_as_one_json_document_a_line(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"GET {BUILDS}/{ID}", (200, build_build_view(BuildState.FAILED)))
    fake.stream(f"{BUILDS}/{ID}/log", build_log(2, BuildState.FAILED))
    done = await heliostat("logs", str(ID), "--json")
    assert done.exit_code == 1
    assert [json.loads(line).get("number") for line in done.stdout.splitlines()] == [1, 2, None]
    assert (await heliostat("logs", "22222222-2222-4333-8444-555555555555")).exit_code == 1
