"""What policy refuses is readable wherever it was asked for, and leaves no record of a server."""

import html

import httpx
import pytest

from tests.integration.hub.stack import Stack, make_grant

LONG = "abcdefghij-abcdefghij"
TOO_LONG = "The name abcdefghij-abcdefghij has 21 characters; at most 20 are allowed"


def names(stack: Stack, user: str) -> set[str]:
    model = stack.api("GET", f"users/{user}?include_stopped_servers=1").json()
    return {name for name in model["servers"] if name}


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_name_of_21_characters_is_refused_through_the_api(stack: Stack, method: str) -> None:
    token = stack.add_user("ara")
    response = stack.api(method, f"users/ara/servers/{LONG}", token=token, json={"display_name": "x"})
    assert response.status_code == 400
    assert TOO_LONG in response.json()["message"]
    assert names(stack, "ara") == set()


def test_a_name_of_21_characters_is_refused_through_the_pages(stack: Stack) -> None:
    with stack.sign_in("ursa") as browser:
        page = browser.get(f"/hub/spawn/ursa/{LONG}")
        xsrf = browser.cookies["_xsrf"]
        posted = browser.post(f"/hub/spawn/ursa/{LONG}?_xsrf={xsrf}")
        dialog = browser.post(
            f"/hub/api/users/ursa/servers/{LONG}", params={"_xsrf": xsrf}, json={"display_name": LONG}
        )
    assert page.status_code == posted.status_code == dialog.status_code == 400
    assert TOO_LONG in page.text
    assert TOO_LONG in posted.text
    assert "Delete &lt;one&gt; of them." in page.text
    assert TOO_LONG in dialog.json()["message"]
    assert names(stack, "ursa") == set()


def test_the_sixth_server_is_refused_everywhere(stack: Stack) -> None:
    token = stack.add_user("ursa")
    for number in range(5):
        stack.api("PUT", f"users/ursa/servers/n{number}", token=token).raise_for_status()
    put = stack.api("PUT", "users/ursa/servers/n5", token=token)
    post = stack.api("POST", "users/ursa/servers/n5", token=token)
    with stack.sign_in("ursa") as browser:
        page = browser.get("/hub/spawn/ursa/n5")
    assert [put.status_code, post.status_code, page.status_code] == [409, 409, 409]
    for text in (put.json()["message"], post.json()["message"], html.unescape(page.text)):
        assert "You have 5 servers; at most 5 are allowed" in text
    assert names(stack, "ursa") == {f"n{number}" for number in range(5)}
    for number in range(5):
        stack.api("DELETE", f"users/ursa/servers/n{number}", json={"remove": True}).raise_for_status()


def test_an_unusable_name_says_which_are(stack: Stack) -> None:
    token = stack.add_user("ara")
    response = stack.api("PUT", "users/ara/servers/No--Slug", token=token)
    assert response.status_code == 400
    assert "lower-case letters, digits and single hyphens" in response.json()["message"]


def test_a_refused_first_start_leaves_no_record(stack: Stack) -> None:
    token = stack.add_user("ara")
    stack.peers.refuse_starts = True
    assert stack.api("POST", "users/ara/servers/first", token=token).status_code == 403
    assert names(stack, "ara") == set()


def test_a_first_start_in_an_environment_that_is_gone_leaves_no_record(stack: Stack) -> None:
    token = stack.add_user("ara")
    options = {"grant": make_grant("ara", "gone", "environment-that-is-gone")}
    response = stack.api("POST", "users/ara/servers/gone", token=token, json={"user_options": options})
    assert response.status_code == 409
    assert (
        "https://example.org/sun/spots at commit 0123456789ab is not on this host any more"
        in response.json()["message"]
    )
    assert names(stack, "ara") == set()


def test_a_refused_start_is_readable_on_the_page_and_in_the_progress(stack: Stack) -> None:
    token = stack.add_user("ursa")
    stack.api("PUT", "users/ursa/servers/refused", token=token).raise_for_status()
    stack.peers.refuse_starts = True
    assert "Nothing may be started" in stack.api("POST", "users/ursa/servers/refused", token=token).json()["message"]
    progress = stack.api("GET", "users/ursa/servers/refused/progress", token=token).text
    assert "Nothing may be started" in progress
    with stack.sign_in("ursa") as browser:
        assert "Nothing may be started" in browser.get("/hub/spawn/ursa/refused").text
        assert "Nothing may be started" in browser.get("/hub/spawn-pending/ursa/refused").text
    stack.api("DELETE", "users/ursa/servers/refused", json={"remove": True}).raise_for_status()


def test_a_rename_is_admitted_and_one_with_storage_refused(stack: Stack) -> None:
    token = stack.add_user("ara")
    stack.api("PUT", "users/ara/servers/old", token=token).raise_for_status()
    refused = stack.api("PATCH", "users/ara/servers/old", token=token, json={"name": LONG})
    assert refused.status_code == 400
    assert TOO_LONG in refused.json()["message"]
    assert stack.api("PATCH", "users/ara/servers/old", token=token, json={"name": "new"}).status_code == 200
    stack.start_server("ara", "new")
    stack.stop_server("ara", "new")
    kept = stack.api("PATCH", "users/ara/servers/new", token=token, json={"name": "newer"})
    assert kept.status_code == 409
    assert names(stack, "ara") == {"new"}
    stack.delete_server("ara", "new")


def test_without_policy_nothing_starts_and_running_servers_go_on(stack: Stack) -> None:
    token = stack.add_user("ara")
    server = stack.start_server("ara", "steady")
    stack.peers.down = True
    created = stack.api("PUT", "users/ara/servers/another", token=token)
    default = stack.api("POST", "users/ara/server", token=token)
    assert created.status_code == default.status_code == 503
    message = "Policy cannot be reached, so no server can be started now. Running servers are not affected."
    assert created.json()["message"] == default.json()["message"] == message
    status = httpx.get(f"{stack.url}{server['url']}api/status", headers={"Authorization": f"token {token}"}, timeout=30)
    assert status.status_code == 200
    stack.peers.down = False
    stack.delete_server("ara", "steady")
