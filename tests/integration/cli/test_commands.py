import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from heliostat_core.contracts.builds import BuildState
from heliostat_core.contracts.model import ErrorView
from heliostat_core.contracts.policy import (
    DecisionsView,
    DecisionView,
    EffectivePolicyView,
    PolicyChangeView,
    PolicyEffects,
    PolicyVersionsView,
    PolicyVersionView,
    RuleChange,
    Rules,
    UsageView,
)
from heliostat_core.contracts.sessions import SessionState

from tests.integration.cli.conftest import Heliostat
from tests.integration.cli.fake import TOKEN, End, FakeHeliostat, Leg
from tests.integration.cli.models import (
    BUILDS,
    ID,
    LAUNCHES,
    NOW,
    PLAN,
    POLICY,
    READY,
    SESSIONS,
    build_build_view,
    build_launch_events,
    build_launch_view,
    build_session_view,
)

RULES = Rules.model_validate(
    {
        "server_name_length": 20,
        "named_servers": 5,
        "idle_timeout": "2h",
        "idle_warning": None,
        "storage": "2GiB",
        "cpu": 1,
        "memory": "2GB",
        "require_enforcement": False,
        "launches": True,
    }
)


async def test_sessions_are_listed(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"GET {SESSIONS}", (200, [build_session_view("iris"), build_session_view("", SessionState.STOPPED)]))
    done = await heliostat("sessions", "list", "--state", "running")
    head, first, second = done.stdout.splitlines()
    assert head.split() == ["NAME", "STATE", "REPOSITORY", "COMMIT", "LAST", "ACTIVITY", "STOPS", "AT", "STORAGE"]
    assert first.startswith("iris       running  https://git.example/iris  cccccccccccc  2026-11-23 12:30:00Z")
    assert first.endswith("1.5 GiB of 2 GiB")
    assert second.startswith("(default)  stopped")
    assert fake.requests[0].query == "state=running"
    as_json = await heliostat("sessions", "list", "--json")
    assert [session["name"] for session in json.loads(as_json.stdout)] == ["iris", ""]


async def test_a_session_tells_its_limits_and_its_end(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"GET {SESSIONS}/iris", (200, build_session_view("iris")))
    done = await heliostat("sessions", "show", "iris")
    assert "by idle_timeout: No activity since 10:30" in done.stdout
    assert "Limit memory 2GB: enforced by cgroup v2" in done.stdout
    assert "Limit cpu 1: NOT enforced, this host delegates no cpu controller" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "request_line"),
    [
        (["start", "iris"], f"POST {SESSIONS}/iris/start"),
        (["stop", "--default"], f"POST {SESSIONS}/~default/stop"),
        (["stop", ""], f"POST {SESSIONS}/~default/stop"),
        (["delete", "iris", "--yes"], f"DELETE {SESSIONS}/iris"),
        (["create", "--default"], f"POST {SESSIONS}"),
    ],
)
async def test_servers_are_changed(
    fake: FakeHeliostat, heliostat: Heliostat, arguments: list[str], request_line: str
) -> None:
    fake.answer(request_line, (202, build_session_view("iris")))
    done = await heliostat("sessions", *arguments)
    assert done.exit_code == 0, done.output
    assert [f"{request.method} {request.path}" for request in fake.requests] == [request_line]


async def test_deleting_asks_first(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"DELETE {SESSIONS}/iris", (204, ""))
    refused = await heliostat("sessions", "delete", "iris", typed="n\n")
    assert (refused.exit_code, fake.requests) == (1, [])
    done = await heliostat("sessions", "delete", "iris", typed="y\n")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "Server iris is gone.")


@pytest.mark.parametrize("arguments", [["stop"], ["stop", "iris", "--default"], ["show", "--nonsense"], ["nonsense"]])
async def test_an_unclear_command_line_is_a_usage_error(
    fake: FakeHeliostat, heliostat: Heliostat, arguments: list[str]
) -> None:
    assert (await heliostat("sessions", *arguments)).exit_code == 2
    assert fake.requests == []


async def test_a_name_is_one_segment_of_the_path(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    await heliostat("sessions", "stop", "../launches?x")
    assert fake.requests[0].path == f"{SESSIONS}/../launches?x/stop"  # as the server reads it, decoded
    assert fake.requests[0].query == ""


async def test_builds_and_plans_are_shown(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    failure = ErrorView(code="x", message="numpy does not exist", remedy="Mend the pin.")
    build = build_build_view(BuildState.FAILED, failure=failure)
    fake.answer(f"GET {BUILDS}", (200, [build]))
    fake.answer(f"GET {BUILDS}/{ID}", (200, build))
    fake.answer(f"DELETE {BUILDS}/{ID}", (200, build))
    fake.answer("POST /services/builder/api/v1/plans", (200, PLAN))
    assert str(ID) in (await heliostat("builds", "list", "--repo", "ada/iris")).stdout
    assert "numpy does not exist" in (await heliostat("builds", "show", str(ID))).stdout
    assert (await heliostat("builds", "cancel", str(ID))).exit_code == 0
    planned = await heliostat("plan", "ada/iris")
    assert "Configured by  requirements.txt, postBuild" in planned.stdout
    assert fake.requests[-1].body == {"repo": "ada/iris", "ref": "HEAD", "spec": False}


async def test_policy_tells_what_is_left(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    usage = UsageView(named_servers=2, named_servers_left=3, servers=["iris", "", "plain"])
    source = {"idle_timeout": "teachers"}
    view = EffectivePolicyView(user="ada", policy_version=7, rules=RULES, source=source, usage=usage)
    fake.answer(f"GET {POLICY}/policy", (200, view))
    done = await heliostat("policy", "show")
    assert "Named servers   2 of 5, 3 left" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["idle_timeout", "2h", "teachers"] in rows
    assert ["memory", "2GB", "default"] in rows


async def test_a_policy_is_put_and_its_history_read(fake: FakeHeliostat, heliostat: Heliostat, tmp_path: Path) -> None:
    change = RuleChange(scope="default", rule="named_servers", before=5, after=6)
    effects = PolicyEffects(changes=[change], excesses=[], users_checked=3)
    fake.answer(
        f"PUT {POLICY}/policies", (200, PolicyChangeView(version=8, changed=False, dry_run=True, effects=effects))
    )
    version = PolicyVersionView(version=8, changed_at=NOW, changed_by="ada", comment="why", source="x", document=None)
    fake.answer(f"GET {POLICY}/policies", (200, PolicyVersionsView(in_force=8, versions=[version])))
    file = tmp_path / "policy.yaml"
    file.write_text("default: {}\n")
    done = await heliostat("policy", "put", str(file), "--dry-run", "--comment", "why")
    assert "Checked only; it would be version 8." in done.stdout
    assert "  default: named_servers 5 -> 6" in done.stdout
    assert fake.requests[0].body == {"source": "default: {}\n", "comment": "why", "dry_run": True}
    piped = await heliostat("policy", "put", "-", typed="a: b\n")
    assert (piped.exit_code, fake.requests[1].body["source"]) == (0, "a: b\n")
    assert "8 *      2026-11-23 12:30:00Z  ada  why" in (await heliostat("policy", "list")).stdout


async def test_decisions_tell_why(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    decision = DecisionView(
        id=ID,
        time=NOW,
        action="idle",
        user="ada",
        server_name="iris",
        session_id=ID,
        verdict="stop",
        rule="idle_timeout",
        policy_version=7,
        message="No activity for 2h",
        facts={"last_activity": "10:30", "kernels": ["a", "b"], "rules": {"cpu": 1.0, "launches": True}, "limit": None},
    )
    fake.answer(f"GET {POLICY}/decisions", (200, DecisionsView(decisions=[decision])))
    done = await heliostat("decisions", "--session", str(ID))
    assert done.stdout.splitlines() == [
        "2026-11-23 12:30:00Z  idle iris of ada: stop (policy version 7, rule idle_timeout)",
        "  No activity for 2h",
        "    last_activity: 10:30",
        "    kernels: a, b",
        "    rules: cpu 1, launches yes",
    ]
    assert fake.requests[0].query == f"session={ID}"


async def test_nothing_there_and_nobody_known_are_told_apart(heliostat: Heliostat) -> None:
    assert (await heliostat("launches", "show", str(ID))).exit_code == 1
    assert (await heliostat("launches", "show", str(ID), HELIOSTAT_TOKEN="other")).exit_code == 3
    assert (await heliostat("launches", "show", str(ID), HELIOSTAT_URL="http://127.0.0.1:9")).exit_code == 3
    missing = {"HELIOSTAT_TOKEN": None, "HELIOSTAT_URL": None, "HELIOSTAT_STATE_DIR": "/nowhere"}
    assert (await heliostat("launches", "show", str(ID), **missing)).exit_code == 2


async def test_another_server_at_that_address_is_told(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"GET {SESSIONS}", (200, "<html></html>"), (302, ""))
    for _ in range(2):
        done = await heliostat("sessions", "list")
        assert done.exit_code == 3
        assert "does not answer as Heliostat does" in done.stderr


async def test_fields_of_a_newer_server_are_passed_over(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    newer = {**json.loads(build_session_view("iris").model_dump_json()), "news": True}
    fake.answer(f"GET {SESSIONS}/iris", (200, json.dumps(newer)))
    assert (await heliostat("sessions", "show", "iris")).exit_code == 0


async def test_the_credentials_file_is_enough(
    fake: FakeHeliostat, heliostat: Heliostat, url: str, tmp_path: Path
) -> None:
    fake.answer(f"GET {SESSIONS}", (200, []))
    (tmp_path / "credentials.json").write_text(json.dumps({"url": url, "api_token": TOKEN}))
    unset = {"HELIOSTAT_TOKEN": None, "HELIOSTAT_URL": None}
    done = await heliostat("sessions", "list", **unset, HELIOSTAT_STATE_DIR=str(tmp_path))
    assert (done.exit_code, done.stdout) == (0, "You have no servers.\n")


async def test_ctrl_c_leaves_the_launch_running_and_says_how_to_go_on(
    fake: FakeHeliostat, url: str, tmp_path: Path
) -> None:
    fake.answer(f"POST {LAUNCHES}", (202, build_launch_view()))
    fake.answer(f"GET {LAUNCHES}/{ID}", (200, build_launch_view()))
    fake.stream(f"{LAUNCHES}/{ID}/events", build_launch_events(lines=3, final=READY), Leg(4, End.SILENCE))
    command = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "heliostat_cli", "launch", "ada/iris"),
        cwd=tmp_path,
        env={**os.environ, "HELIOSTAT_URL": url, "HELIOSTAT_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stderr is not None
    while (await command.stdout.readline()).strip() != b"line 1":
        pass
    command.send_signal(signal.SIGINT)
    told = (await command.stderr.read()).decode()
    assert await command.wait() == 130
    assert told.startswith("The launch goes on")
    # A message that was printed when Ctrl-C came, but not yet noted, is printed again rather than lost.
    assert re.search(rf"heliostat launches watch {ID} --after 3\.[01]'", told)
    assert {request.method for request in fake.requests} == {"POST", "GET"}


def test_completion_is_there(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "_HELIOSTAT_COMPLETE": "complete_bash",
        "COMP_WORDS": "heliostat se",
        "COMP_CWORD": "1",
    }
    command = [str(Path(sys.executable).parent / "heliostat")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == ["sessions"]
