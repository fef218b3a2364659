"""A server's own token, which every kernel sees, may little."""

from typing import Any

from tests.integration.hub.stack import Stack, wait_for


def find_token(stack: Stack, server: dict[str, Any]) -> str:
    """Read the token of a running server from its own reports."""

    def works(token: str) -> bool:
        user = stack.api("GET", "user", token=token).json()
        return f"access:servers!server={server['full_name']}" in user.get("scopes", [])

    return str(wait_for(lambda: next((token for token, _ in stack.peers.reports if works(token)), None)))


def test_a_servers_token_may_only_report_and_reach_itself(stack: Stack) -> None:
    stack.add_user("ceres")
    server = stack.start_server("ceres", "small")
    token = find_token(stack, server)
    scopes = set(stack.api("GET", "user", token=token).json()["scopes"])
    allowed = ("access:servers!server=ceres/small", "access:services!service=binder", "users:activity!user=ceres")
    assert {scope for scope in scopes if not scope.startswith("read:users:")} == set(allowed)
    assert stack.api("POST", "users/ceres/servers/more", token=token).status_code in {403, 404}
    assert stack.api("DELETE", "users/ceres/servers/small", token=token).status_code in {403, 404}
    stack.delete_server("ceres", "small")
