import json

from heliostat_core.contracts.launches import LaunchEvent, LaunchState
from heliostat_core.contracts.model import ErrorView

from tests.integration.cli.conftest import Heliostat
from tests.integration.cli.fake import TOKEN, End, FakeHeliostat, Leg
from tests.integration.cli.models import ID, LAUNCHES, NOW, READY, URL, build_launch_events, build_launch_view

LAUNCH = f"{LAUNCHES}/{ID}"
EVENTS = f"{LAUNCH}/events"


def prepare(fake: FakeHeliostat, *legs: Leg, lines: int = 3) -> None:
    fake.answer(f"POST {LAUNCHES}", (202, build_launch_view()))
    fake.answer(f"GET {LAUNCH}", (200, build_launch_view()), (200, build_launch_view(LaunchState.READY)))
    fake.stream(EVENTS, build_launch_events(lines=lines, final=READY), *legs)


async def test_a_launch_shows_plan_log_progress_and_ends_with_the_url(
    fake: FakeHeliostat, heliostat: Heliostat
) -> None:
    prepare(fake)
    done = await heliostat("launch", "ada/iris", "--ref", "main", "--path", "a.ipynb", "--server", "iris", "--new")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"Launch {ID}"
    assert "[plan] The environment has to be built" in lines
    assert any("full:" in line and "postBuild ties it to this commit" in line for line in lines)
    assert "  Warning: numpy is not pinned" in lines
    assert [line for line in lines if line.startswith("line")] == ["line 1", "line 2", "line 3"]
    assert "[spawn 40%] Spawning" in lines
    assert lines[-1] == URL
    sent = fake.requests[0]
    wanted = {"repo": "ada/iris", "ref": "main", "path": "a.ipynb", "server_name": "iris", "new": True, "spec": False}
    assert sent.body == wanted
    assert sent.headers["idempotency-key"]
    assert TOKEN not in done.output


async def test_a_launch_in_json_is_the_launch_and_a_line_per_event(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    prepare(fake)
    done = await heliostat("launch", "ada/iris", "--json")
    launch, *events = [json.loads(line) for line in done.stdout.splitlines()]
    assert launch["id"] == str(ID)
    assert [event["id"] for event in events] == ["1.0", "2.0", "3.0", "3.1", "3.2", "3.3", "4.0", "5.0"]
    assert events[-1]["url"] == URL


async def test_lost_connections_lose_and_repeat_nothing(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    prepare(fake, Leg(5, End.DROP), Leg(0, End.DROP), Leg(2, End.CUT), Leg(10, End.CLOSE), lines=20)
    done = await heliostat("launch", "ada/iris")
    assert done.exit_code == 0, done.output
    logged = [line for line in done.stdout.splitlines() if line.startswith("line")]
    assert logged == [f"line {number}" for number in range(1, 21)]
    assert fake.resumed_from(EVENTS) == [None, "3.2", "3.2", "3.4", "3.14"]
    assert done.stderr.count("connecting again") == 2  # the second leg brought nothing: the same outage


async def test_a_launch_whose_answer_is_lost_is_asked_for_again_with_the_same_key(
    fake: FakeHeliostat, heliostat: Heliostat
) -> None:
    prepare(fake)
    fake.answer(f"POST {LAUNCHES}", (503, "<h1>Service Unavailable</h1>"), (202, build_launch_view()))
    done = await heliostat("launch", "ada/iris")
    assert done.exit_code == 0, done.output
    keys = [request.headers["idempotency-key"] for request in fake.requests if request.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_a_refused_launch_lists_the_servers_in_the_way(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    servers = [{"name": "old", "state": "stopped", "repo": None, "delete": "x"}]
    details = {"rule": "named_servers", "limit": 1, "current": 1, "servers": servers}
    error = ErrorView(code="named_servers", message="You have 1 server", remedy="Delete one.", details=details)
    final = LaunchEvent(id="0.0", phase="refused", time=NOW, message=error.message, error=error, final=True)
    fake.answer(f"POST {LAUNCHES}", (202, build_launch_view()))
    fake.answer(f"GET {LAUNCH}", (200, build_launch_view(LaunchState.REFUSED, error=error)))
    fake.stream(EVENTS, build_launch_events(lines=0, final=final))
    done = await heliostat("launch", "ada/iris")
    assert done.exit_code == 1
    assert done.stderr.count("You have 1 server") == 1
    assert "Remedy:  Delete one." in done.stderr
    assert "  old   stopped" in done.stderr
    assert "heliostat sessions delete NAME" in done.stderr
    told = await heliostat("--json", "launch", "ada/iris")
    assert json.loads(told.stderr)["error"]["details"]["servers"] == servers


async def test_a_request_that_is_refused_at_once_is_told_with_its_field(
    fake: FakeHeliostat, heliostat: Heliostat
) -> None:
    view = ErrorView(code="bad_ref", message="'..' cannot be a branch", field="ref", remedy="Give a branch.")
    fake.answer(f"POST {LAUNCHES}", (422, view))
    done = await heliostat("launch", "ada/iris", "--ref", "..")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "Error: '..' cannot be a branch",
        "  Field:   ref",
        "  Remedy:  Give a branch.",
    ]


async def test_watching_goes_on_after_a_message(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    prepare(fake)
    done = await heliostat("launches", "watch", str(ID), "--after", "3.2")
    assert done.stdout.splitlines() == ["line 3", "[spawn 40%] Spawning", "[ready] The server is ready", URL]


async def test_watching_after_the_last_message_ends(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    prepare(fake)
    done = await heliostat("launches", "watch", str(ID), "--after", "5.0")
    assert (done.exit_code, done.stdout.splitlines()) == (0, [URL])


async def test_a_cancelled_launch_is_no_success(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    prepare(fake)
    fake.answer(f"GET {LAUNCH}", (200, build_launch_view(LaunchState.CANCELLED)))
    done = await heliostat("launches", "watch", str(ID))
    assert done.exit_code == 1
    assert "The launch was cancelled" in done.stderr


async def test_output_of_a_build_cannot_command_the_terminal(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    prepare(fake)
    evil = LaunchEvent(id="1.0", phase="build", time=NOW, message="\x1b]0;owned\x07\x1b[31mred", line=1)
    fake.stream(EVENTS, [("1.0", evil), ("5.0", READY.model_copy(update={"id": "5.0"}))])
    done = await heliostat("launch", "ada/iris")
    assert "␛]0;owned␇red" in done.stdout
    assert "\x1b" not in done.stdout
