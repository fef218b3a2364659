"""`heliostat environments` against a server on loopback."""

import json

import pytest
from heliostat_core.contracts.retention import (
    RemovalReason,
    RemovalView,
    RetentionRunView,
    ShelfItemView,
    ShelfKind,
)
from pydantic import BaseModel

from tests.integration.cli.conftest import Heliostat
from tests.integration.cli.fake import FakeHeliostat
from tests.integration.cli.models import NOW

BUILDER = "/services/builder/api/v1"


async def test_what_is_kept_is_listed_with_what_for(fake: FakeHeliostat, heliostat: Heliostat) -> None:
    kept = {"id": "e1", "size": 3 * 2**20, "last_used_at": NOW, "pinned": True, "needs": 12}
    named = [f"server ada/s{number}" for number in range(10)]
    free = {"id": "c1", "size": 10, "last_used_at": NOW, "pinned": False, "needs": 0, "needed_by": []}
    items: list[BaseModel] = [
        ShelfItemView(kind=ShelfKind.ENVIRONMENT, needed_by=named, **kept),
        ShelfItemView(kind=ShelfKind.CONTENT, **free),
    ]
    fake.answer(f"GET {BUILDER}/retention/items", (200, items))
    lines = (await heliostat("environments", "list")).stdout.splitlines()
    assert "3 MiB" in lines[1]
    assert lines[1].endswith("its pin, server ada/s0 and 11 more")
    assert json.loads((await heliostat("environments", "list", "--json")).stdout)[1]["id"] == "c1"


@pytest.mark.parametrize(("command", "method"), [("pin", "PUT"), ("unpin", "DELETE")])
async def test_an_environment_is_pinned_and_unpinned(
    fake: FakeHeliostat, heliostat: Heliostat, command: str, method: str
) -> None:
    fake.answer(f"{method} {BUILDER}/environments/e1/pin", (204, ""))
    assert (await heliostat("environments", command, "e1")).exit_code == 0
    assert (await heliostat("environments", command, "e2")).exit_code == 1


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_collection_says_what_went(fake: FakeHeliostat, heliostat: Heliostat, *, dry_run: bool) -> None:
    removal = RemovalView(kind=ShelfKind.ENVIRONMENT, id="e1", size=2**20, last_used_at=NOW, reason=RemovalReason.AGE)
    run = RetentionRunView(dry_run=dry_run, removed=[removal], freed=2**20, left=0, complete=dry_run)
    fake.answer(f"POST {BUILDER}/retention/runs", (200, run))
    result = await heliostat("environments", "collect", *(["--dry-run"] if dry_run else []))
    assert fake.requests[-1].body == {"dry_run": dry_run}
    assert f"1 {'would go' if dry_run else 'removed'} (1 MiB); 0 B stay." in result.stdout
    assert ("collect again" in result.stdout) is not dry_run
