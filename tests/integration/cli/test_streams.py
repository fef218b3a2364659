import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from heliostat_cli.backoff import Backoff
from heliostat_cli.connection import Connection
from heliostat_cli.errors import RefusedError, UnreachableError
from heliostat_cli.http import HttpClient
from heliostat_cli.streams import ResumingStream
from heliostat_core.contracts.builds import BuildState
from heliostat_core.contracts.model import ErrorView

from tests.integration.cli.conftest import Heliostat
from tests.integration.cli.fake import TOKEN, End, FakeHeliostat, Leg
from tests.integration.cli.models import BUILDS, ID, build_build_view, build_log

LOG = f"{BUILDS}/{ID}/log"
PATH = LOG.removeprefix("/services/")
SHORT = timedelta(milliseconds=300)


@pytest.fixture
def http(url: str) -> Iterator[HttpClient]:
    with HttpClient(Connection(url=url, token=TOKEN), silence=SHORT) as client:
        yield client


def read_ids(http: HttpClient, *, over: list[bool], path: str = PATH) -> list[str]:
    """Follow a stream; ``over`` says at each connection whether it tells of something finished."""
    stream = ResumingStream(
        http,
        path,
        after=None,
        is_over=lambda: over.pop(0) if len(over) > 1 else over[0],
        on_lost=lambda _: None,
        backoff=Backoff(give_up_after=timedelta(seconds=1), first=timedelta(milliseconds=5)),
    )
    return [frame.id for frame in stream.read()]


async def test_a_silent_connection_is_given_up_and_resumed(fake: FakeHeliostat, http: HttpClient) -> None:
    fake.stream(LOG, build_log(4), Leg(2, End.SILENCE))
    assert await asyncio.to_thread(read_ids, http, over=[False, True]) == ["1", "2", "3", "4", "5"]
    assert fake.resumed_from(LOG) == [None, "2", "5"]


async def test_heartbeats_keep_a_connection(fake: FakeHeliostat, http: HttpClient) -> None:
    fake.stream(LOG, build_log(4), Leg(2, End.HEARTBEATS))
    assert await asyncio.to_thread(read_ids, http, over=[True]) == ["1", "2", "3", "4", "5"]
    assert fake.resumed_from(LOG) == [None, "5"]


async def test_closing_in_good_order_is_no_end_while_more_may_come(fake: FakeHeliostat, http: HttpClient) -> None:
    fake.stream(LOG, build_log(4), Leg(2, End.CLOSE), Leg(0, End.CLOSE), Leg(1, End.CLOSE))
    over = [False, False, True, True]
    assert await asyncio.to_thread(read_ids, http, over=over) == ["1", "2", "3", "4", "5"]
    assert fake.resumed_from(LOG) == [None, "2", "2", "3", "5"]


async def test_a_server_that_ignores_where_to_resume_repeats_nothing(fake: FakeHeliostat, http: HttpClient) -> None:
    lines = build_log(12)
    fake.stream(LOG, [*lines, *lines[:5], *lines[11:12]])
    assert await asyncio.to_thread(read_ids, http, over=[True]) == [str(number) for number in range(1, 14)]


async def test_a_stream_that_stays_lost_ends_with_an_error(fake: FakeHeliostat, http: HttpClient) -> None:
    fake.answer(f"GET {LOG}", (503, "Service Unavailable"))
    with pytest.raises(UnreachableError, match="503"):
        await asyncio.to_thread(read_ids, http, over=[True])
    assert len(fake.requests) > 3


async def test_services_that_restart_are_waited_for(fake: FakeHeliostat, http: HttpClient) -> None:
    away = ErrorView(code="unavailable", message="The database does not answer")
    fake.answer(f"GET {LOG}", (404, "<h1>404</h1>"), (502, "Bad Gateway"), (503, away), (410, away))
    with pytest.raises(RefusedError) as caught:
        await asyncio.to_thread(read_ids, http, over=[True])
    assert caught.value.status == 410
    assert len(fake.requests) == 4


async def test_a_log_is_printed_to_its_end(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(
        f"GET {BUILDS}/{ID}",
        (200, build_build_view(BuildState.RUNNING)),
        (200, build_build_view(BuildState.RUNNING)),
        (200, build_build_view(BuildState.SUCCEEDED)),
    )
    fake.stream(LOG, build_log(30), Leg(12, End.DROP), Leg(5, End.CUT))
    done = await heliostat("builds", "log", str(ID), "--after", "3")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [f"line {number}" for number in range(4, 31)]
    assert fake.resumed_from(LOG) == ["3", "15", "20"]
    as_json = await heliostat("builds", "log", str(ID), "--after", "29", "--json")
    line, end = (json.loads(text) for text in as_json.stdout.splitlines())
    assert (line["number"], end["state"]) == (30, "succeeded")


async def test_the_log_of_a_failed_build_ends_with_why(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    failure = ErrorView(code="install_failed", message="pip could not install numpy", remedy="Mend the pin.")
    fake.answer(f"GET {BUILDS}/{ID}", (200, build_build_view(BuildState.FAILED, failure=failure)))
    fake.stream(LOG, build_log(1))
    done = await heliostat("builds", "log", str(ID))
    assert done.exit_code == 1
    assert done.stdout.splitlines() == ["line 1"]
    assert "Mend the pin." in done.stderr
