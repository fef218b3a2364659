"""Sharing at the hub itself: users may, policy is asked whatever way they come, and guests get in and out."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.integration.hub.stack import BINDER_TOKEN, Stack

FORBIDDEN = {400, 403, 404}


@contextmanager
def stopped_server(stack: Stack, owner: str, name: str) -> Iterator[str]:
    """Make a server without starting it, and give a token of its owner."""
    token = stack.add_user(owner)
    stack.api("PUT", f"users/{owner}/servers/{name}", json={}).raise_for_status()
    yield token
    stack.delete_server(owner, name)


def test_a_user_shares_and_revokes_with_policy_asked_once_per_share(stack: Stack) -> None:
    vega = stack.add_user("vega")
    with stopped_server(stack, "lyra", "work") as lyra:
        asked = len(stack.peers.asked)
        answer = stack.api("POST", "shares/lyra/work", token=lyra, json={"user": "vega"})
        assert answer.status_code == 200, answer.text
        admissions = stack.peers.asked[asked:]
        assert [(item.action, item.server_name, item.share_with) for item in admissions] == [
            ("share", "work", "user vega")
        ]
        shared = stack.api("GET", "users/vega/shared", token=vega).json()["items"]
        assert [item["server"]["name"] for item in shared] == ["work"]
        assert stack.api("PATCH", "shares/lyra/work", token=lyra, json={"user": "vega"}).status_code == 200
        assert stack.api("GET", "users/vega/shared", token=vega).json()["items"] == []


def test_with_a_group_every_member_gets_access(stack: Stack) -> None:
    vega = stack.add_user("vega")
    stack.api("POST", "groups/stars")
    stack.api("POST", "groups/stars/users", json={"users": ["vega"]}).raise_for_status()
    with stopped_server(stack, "lyra", "team") as lyra:
        assert stack.api("POST", "shares/lyra/team", token=lyra, json={"group": "stars"}).status_code == 200
        (shared,) = stack.api("GET", "users/vega/shared", token=vega).json()["items"]
        assert (shared["kind"], shared["group"]["name"]) == ("group", "stars")


@pytest.mark.parametrize(("path", "body"), [("shares", {"user": "vega"}), ("share-codes", {})])
def test_policy_refuses_also_who_comes_to_the_hubs_own_api(stack: Stack, path: str, body: dict[str, str]) -> None:
    stack.add_user("vega")
    with stopped_server(stack, "lyra", "secret") as lyra:
        stack.peers.refuse_shares = True
        refused = stack.api("POST", f"{path}/lyra/secret", token=lyra, json=body)
        assert refused.status_code == 403
        assert refused.json()["message"].startswith("Your servers may not be shared.")
        stack.peers.down = True
        assert stack.api("POST", f"{path}/lyra/secret", token=lyra, json=body).status_code == 503
        assert stack.api("GET", f"{path}/lyra/secret", token=lyra).json()["items"] == []


def test_nobody_shares_what_is_anothers_and_policy_is_not_bothered(stack: Stack) -> None:
    vega = stack.add_user("vega")
    with stopped_server(stack, "lyra", "mine"):
        asked = len(stack.peers.asked)
        for token in (vega, BINDER_TOKEN):
            answer = stack.api("POST", "shares/lyra/mine", token=token, json={"user": "vega"})
            assert answer.status_code in FORBIDDEN
        assert len(stack.peers.asked) == asked


def test_a_guest_gets_in_after_the_share_and_out_after_its_end_and_nobody_else_ever(stack: Stack) -> None:
    lyra = stack.add_user("lyra")
    vega, deneb = stack.add_user("vega"), stack.add_user("deneb")
    stack.start_server("lyra", "open")

    def status(token: str) -> int:
        headers = {"Authorization": f"token {token}"}
        return httpx.get(f"{stack.url}/user/lyra/open/api/contents", headers=headers, timeout=30).status_code

    try:
        assert (status(lyra), status(vega), status(deneb)) == (200, 403, 403)
        stack.api("POST", "shares/lyra/open", token=lyra, json={"user": "vega"}).raise_for_status()
        guest = str(stack.api("POST", "users/vega/tokens", token=vega, json={}).json()["token"])
        assert (status(guest), status(deneb)) == (200, 403)
    finally:
        stack.delete_server("lyra", "open")
    stack.api("PUT", "users/lyra/servers/open", json={}).raise_for_status()
    assert stack.api("GET", "shares/lyra/open", token=lyra).json()["items"] == []
    stack.delete_server("lyra", "open")
