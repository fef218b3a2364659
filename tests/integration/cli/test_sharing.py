"""`heliostat share`, commands on other people's servers, and names offered to the shell."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from heliostat_core.contracts.sessions import SharedServerView, ShareView

from tests.integration.cli.conftest import Heliostat
from tests.integration.cli.fake import TOKEN, FakeHeliostat
from tests.integration.cli.models import NOW, SESSIONS, URL, build_session_view

SHARES = f"{SESSIONS}/iris/shares"
BOB = ShareView(kind="user", name="bob", created_at=NOW)


async def test_shares_are_listed(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"GET {SHARES}", (200, [BOB]))
    done = await heliostat("share", "list", "iris")
    assert done.stdout.splitlines()[1] == "user  bob   2026-11-23 12:30:00Z"
    shared = SharedServerView(owner="eve", name="", ready=True, url=URL, repo=None, commit=None, shared_with=BOB)
    fake.answer("GET /services/binder/api/v1/shared", (200, [shared]))
    done = await heliostat("share", "list")
    assert done.stdout.splitlines()[1].startswith("eve    (default)  running")
    assert json.loads((await heliostat("share", "list", "--json")).stdout)[0]["owner"] == "eve"


async def test_a_server_is_shared_and_taken_back(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"POST {SHARES}", (201, BOB))
    done = await heliostat("share", "add", "iris", "--user", "bob")
    assert done.stdout == "User bob may use server iris.\n"
    assert fake.requests[0].body == {"user": "bob"}
    fake.answer(f"DELETE {SHARES}/group/astro", (204, ""))
    done = await heliostat("share", "remove", "iris", "--group", "astro")
    assert done.stdout == "Group astro no longer may use server iris.\n"
    fake.answer(f"DELETE {SHARES}", (204, ""))
    done = await heliostat("share", "remove", "iris", "--everybody", "--json")
    assert (done.exit_code, done.stdout) == (0, "null\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "iris"],
        ["add", "iris", "--user", "bob", "--group", "astro"],
        ["remove", "iris", "--everybody", "--user", "bob"],
        ["add", "--user", "bob"],
    ],
)
async def test_it_must_be_clear_who_and_what_is_meant(
    fake: FakeHeliostat, heliostat: Heliostat, arguments: list[str]
) -> None:
    assert (await heliostat("share", *arguments)).exit_code == 2
    assert fake.requests == []


async def test_an_administrator_names_whose_server_it_is(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    fake.answer(f"POST {SESSIONS}/iris/stop", (202, build_session_view("iris")))
    assert (await heliostat("sessions", "stop", "iris", "--user", "bob")).exit_code == 0
    assert fake.requests[0].query == "user=bob"
    asked = await heliostat("sessions", "delete", "iris", "--user", "bob", typed="n\n")
    assert "server iris of bob" in asked.stderr


async def test_the_shell_is_offered_names_of_servers(fake: FakeHeliostat, url: str, tmp_path: Path) -> None:
    fake.answer(f"GET {SESSIONS}", (200, [build_session_view("iris"), build_session_view("")]))
    environment = {
        **os.environ,
        "_HELIOSTAT_COMPLETE": "complete_bash",
        "COMP_WORDS": "heliostat sessions stop i",
        "COMP_CWORD": "3",
        "HELIOSTAT_URL": url,
        "HELIOSTAT_TOKEN": TOKEN,
    }

    def complete(**changes: str) -> str:
        command = [str(Path(sys.executable).parent / "heliostat")]
        done = subprocess.run(
            command, env={**environment, **changes}, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.stderr == ""
        return done.stdout

    assert (await asyncio.to_thread(complete)).split() == ["iris"]
    assert (await asyncio.to_thread(complete, HELIOSTAT_URL="http://127.0.0.1:9")).split() == []
