"""A proxy that was restarted knows no route; the hub gives it all of them without being asked."""

import httpx

from tests.integration.hub.stack import Stack, wait_for


def test_a_proxy_that_lost_its_routes_gets_them_again(stack: Stack) -> None:
    api = f"http://127.0.0.1:{stack.proxy_api_port}/api/routes"
    with httpx.Client(headers={"Authorization": "token proxy-token"}) as client:

        def read_routes() -> set[str]:
            return {path for path, route in client.get(api).json().items() if route.get("jupyterhub")}

        before = read_routes()
        for path in sorted(before, reverse=True):
            client.delete(f"{api}{path}").raise_for_status()

        assert "/services/binder" in before
        wait_for(lambda: read_routes() == before)
