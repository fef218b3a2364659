"""Who may what at the hub: browsers of the binder service, its own token, the administrator's token."""

from urllib.parse import parse_qs, urlsplit

import httpx

from tests.integration.hub.stack import BINDER_TOKEN, METRICS_TOKEN, Stack

CALLBACK = "/services/binder/oauth_callback"
ALL_SCOPES = {"custom:heliostat:launch", "custom:heliostat:admin"}


def sign_in_to_binder(stack: Stack, browser: httpx.Client) -> set[str]:
    """Follow OAuth as the service does and return the scopes of the browser's token."""
    parameters = {"client_id": "service-binder", "redirect_uri": CALLBACK, "response_type": "code", "state": "s"}
    answer = browser.get("/hub/api/oauth2/authorize", params=parameters, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    location = urlsplit(answer.headers["Location"])
    assert location.path == CALLBACK
    form = {
        "client_id": "service-binder",
        "client_secret": BINDER_TOKEN,
        "grant_type": "authorization_code",
        "code": parse_qs(location.query)["code"][0],
        "redirect_uri": CALLBACK,
    }
    token = httpx.post(f"{stack.url}/hub/api/oauth2/token", data=form).json()["access_token"]
    return set(stack.api("GET", "user", token=token).json()["scopes"])


def test_a_browser_signs_in_without_a_question_and_may_launch(stack: Stack) -> None:
    with stack.sign_in("ursa") as browser:
        scopes = sign_in_to_binder(stack, browser)
    assert "custom:heliostat:launch" in scopes
    assert "custom:heliostat:admin" not in scopes
    assert "access:services!service=binder" in scopes


def test_the_administrators_token_holds_the_custom_scopes(stack: Stack) -> None:
    user = stack.api("GET", "user").json()
    assert user["name"] == "admin"
    assert user["admin"]
    assert set(user["scopes"]) >= {*ALL_SCOPES, "access:services"}


def test_a_users_token_may_launch_and_use_every_service(stack: Stack) -> None:
    user = stack.api("GET", "user", token=stack.add_user("juno")).json()
    expected = {"custom:heliostat:launch", "access:services!service=binder", "access:services!service=policy"}
    assert set(user["scopes"]) >= expected
    assert "custom:heliostat:admin" not in user["scopes"]


def test_the_binder_service_manages_servers_and_nothing_else(stack: Stack) -> None:
    stack.add_user("juno")
    assert stack.api("PUT", "users/juno/servers/made", token=BINDER_TOKEN).status_code == 201
    assert "made" in stack.api("GET", "users/juno?include_stopped_servers=1", token=BINDER_TOKEN).json()["servers"]
    removed = stack.api("DELETE", "users/juno/servers/made", token=BINDER_TOKEN, json={"remove": True})
    assert removed.status_code == 204
    assert stack.api("POST", "users", token=BINDER_TOKEN, json={"usernames": ["new"]}).status_code == 403
    assert stack.api("POST", "users/juno/tokens", token=BINDER_TOKEN, json={}).status_code in {403, 404}
    assert stack.api("GET", "groups", token=BINDER_TOKEN).status_code == 403


def test_prometheus_reads_the_hubs_metrics_and_nothing_else(stack: Stack) -> None:
    metrics = stack.api("GET", "metrics", token=METRICS_TOKEN)
    assert metrics.status_code == 200
    assert "jupyterhub_server_spawn_duration_seconds" in metrics.text
    assert 'heliostat_job_fresh{task="reconcile servers"} 1.0' in metrics.text
    assert stack.api("GET", "users", token=METRICS_TOKEN).status_code == 403
    assert stack.api("GET", "metrics", token=BINDER_TOKEN).status_code == 403
    assert stack.api("GET", "metrics", token="nobody").status_code == 403
