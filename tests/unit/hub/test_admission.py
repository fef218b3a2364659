"""The gate asks policy in time, once per first start, and refuses when it cannot ask."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from heliostat_core.clients import PolicyClient
from heliostat_core.contracts.policy import AdmissionAction
from heliostat_hub.admission import AdmissionDesk
from heliostat_hub.errors import SpawnRefusedError

from tests.unit.hub.verdicts import build_verdict

Answer = Callable[[httpx.Request], Any]
USER = SimpleNamespace(
    name="lyra",
    groups=[SimpleNamespace(name="sun")],
    all_spawners=lambda **_: [SimpleNamespace(name="a", active=True), SimpleNamespace(name="b")],
)


def open_desk(answer: Answer) -> AdmissionDesk:
    client = httpx.AsyncClient(base_url="http://policy/services/policy/", transport=httpx.MockTransport(answer))
    return AdmissionDesk(policy=PolicyClient(service="policy", client=client), unenforced=["storage"])


async def admit(desk: AdmissionDesk) -> Any:
    return await desk.admit(AdmissionAction.START, user=USER, server_name="a", grant=None)


async def test_the_facts_are_the_users_servers_and_groups_and_what_this_host_cannot_limit() -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json=build_verdict().model_dump(mode="json"))

    assert (await admit(open_desk(answer))).allowed
    assert asked[0]["servers"] == [{"name": "a", "active": True}, {"name": "b", "active": False}]
    assert asked[0]["groups"] == ["sun"]
    assert asked[0]["unenforced"] == ["storage"]


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_any_failure_to_answer_is_a_503(status: int) -> None:
    desk = open_desk(lambda _: httpx.Response(status, json={"code": "x", "message": "y"}))
    with pytest.raises(SpawnRefusedError) as refused:
        await admit(desk)
    assert refused.value.status_code == 503
    assert refused.value.reason == "policy_unavailable"


async def test_a_policy_that_hangs_is_not_waited_for() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    desk = open_desk(hang)
    started = asyncio.get_running_loop().time()
    with pytest.raises(SpawnRefusedError):
        await admit(desk)
    assert asyncio.get_running_loop().time() - started < 4
