"""Who may ask what."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from heliostat_policy.main import BASE_PATH

from tests.integration.policy.conftest import DECIDER, DEFAULT_POLICY
from tests.support.hub import FakeHub

Headers = dict[str, str]

ROUTES = [
    ("GET", "api/v1/policy"),
    ("GET", "api/v1/policies"),
    ("PUT", "api/v1/policies"),
    ("POST", "api/v1/decisions/admission"),
    ("POST", "api/v1/decisions/idle"),
    ("GET", "api/v1/decisions"),
    ("GET", f"api/v1/decisions/{uuid4()}"),
]
FOR_ADMINS = [("GET", "api/v1/policies"), ("PUT", "api/v1/policies")]
FOR_SERVICES = [("POST", "api/v1/decisions/admission"), ("POST", "api/v1/decisions/idle")]


async def admit(client: httpx.AsyncClient, user: str) -> str:
    body = {"action": "start", "user": user, "server_name": "demo"}
    response = await client.post("api/v1/decisions/admission", headers=DECIDER, json=body)
    return str(response.json()["decision_id"])


def valid_body(path: str) -> Any:
    return {
        "api/v1/policies": {"source": DEFAULT_POLICY.read_text()},
        "api/v1/decisions/admission": {"action": "build", "user": "ada"},
        "api/v1/decisions/idle": {"sessions": []},
    }.get(path)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nobody's"}])
async def test_without_a_valid_token_nothing_is_answered(policy: httpx.AsyncClient, headers: Headers) -> None:
    for method, path in ROUTES:
        response = await policy.request(
            method, path, headers=headers, json=valid_body(path) if method != "GET" else None
        )
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated"), path


async def test_the_policy_itself_is_for_administrators(policy: httpx.AsyncClient, ada: Headers) -> None:
    for headers in (ada, DECIDER):
        for method, path in FOR_ADMINS:
            body = valid_body(path) if method == "PUT" else None
            response = await policy.request(method, path, headers=headers, json=body)
            assert (response.status_code, response.json()["code"]) == (403, "forbidden"), path


async def test_decisions_are_asked_for_by_services_alone(
    policy: httpx.AsyncClient, ada: Headers, admin: Headers
) -> None:
    for headers in (ada, admin):
        for method, path in FOR_SERVICES:
            response = await policy.request(method, path, headers=headers, json=valid_body(path))
            assert response.status_code == 403, path


async def test_the_token_of_a_server_may_ask_nothing(policy: httpx.AsyncClient, hub: FakeHub) -> None:
    for method, path in ROUTES:
        response = await policy.request(
            method, path, headers=hub.add_server("ada", "demo"), json=valid_body(path) if method != "GET" else None
        )
        assert response.status_code == 403, path


async def test_users_see_their_own_decisions_and_nobody_elses(
    policy: httpx.AsyncClient, ada: Headers, bob: Headers, admin: Headers
) -> None:
    decision_id = await admit(policy, "ada")
    path = f"api/v1/decisions/{decision_id}"
    statuses = [(await policy.get(path, headers=headers)).status_code for headers in (ada, bob, admin, DECIDER)]
    assert statuses == [200, 404, 200, 200]
    lists = [
        (await policy.get("api/v1/decisions", headers=headers, params=params)).json()["decisions"]
        for headers, params in ((ada, {}), (bob, {}), (bob, {"user": "ada"}), (admin, {"user": "ada"}))
    ]
    assert [len(found) for found in lists] == [1, 0, 0, 1]


async def test_decisions_are_found_by_server_name(policy: httpx.AsyncClient, ada: Headers) -> None:
    await admit(policy, "ada")
    for name, count in (("demo", 1), ("other", 0)):
        answer = await policy.get("api/v1/decisions", headers=ada, params={"server_name": name})
        assert len(answer.json()["decisions"]) == count


async def test_the_rules_of_another_user_are_for_administrators_and_services(
    policy: httpx.AsyncClient, ada: Headers, bob: Headers, admin: Headers
) -> None:
    params = {"user": "ada"}
    answers = [
        await policy.get("api/v1/policy", headers=headers, params=params) for headers in (ada, bob, admin, DECIDER)
    ]
    assert [answer.status_code for answer in answers] == [200, 403, 200, 200]
    assert {answer.json()["user"] for answer in answers if answer.is_success} == {"ada"}


async def test_users_cannot_claim_groups(policy: httpx.AsyncClient, bob: Headers) -> None:
    answer = await policy.get("api/v1/policy", headers=bob, params={"group": "hpc"})
    assert answer.json()["groups"] == []


async def test_a_hub_that_is_down_is_said_so(policy: httpx.AsyncClient, hub: FakeHub, ada: Headers) -> None:
    hub.down = True
    answer = await policy.get("api/v1/policy", headers=ada)
    assert (answer.status_code, answer.json()["code"]) == (503, "hub_unavailable")
    assert (await policy.post("api/v1/decisions/idle", headers=DECIDER, json={"sessions": []})).status_code == 200


async def test_health_metrics_and_openapi_are_served(policy: httpx.AsyncClient) -> None:
    root = str(policy.base_url).removesuffix(BASE_PATH)
    assert (await policy.get(f"{root}/healthz")).json() == {"ok": True}
    ready = await policy.get(f"{root}/readyz")
    assert (ready.status_code, ready.json()["missing"]) == (200, [])
    metrics = (await policy.get(f"{root}/metrics")).text
    assert 'heliostat_policy_decisions_total{action="create",rule="named_servers",verdict="refuse"} 0.0' in metrics
    paths = (await policy.get("openapi.json")).json()["paths"]
    assert {f"{BASE_PATH}{path}" for _, path in ROUTES[:-1]} <= paths.keys()
    for path, operations in paths.items():
        if path.startswith(f"{BASE_PATH}api/"):
            for operation in operations.values():
                assert operation["summary"]
                assert {"401", "403", "422", "503"} <= operation["responses"].keys()
                assert operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith(
                    "/ErrorView"
                )
