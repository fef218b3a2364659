"""The hub's pages as they come from the hub, before any script has run and with the sessions service away."""

import html

from tests.integration.hub.stack import BINDER_TOKEN, Stack, make_grant


def test_the_home_page_works_with_the_hub_alone(stack: Stack) -> None:
    stack.add_user("ara")
    stack.api("PUT", "users/ara/servers/first", json={}).raise_for_status()
    grant = make_grant("ara", "spots", "env-1")
    options = {"user_options": {"grant": grant}}
    stack.api("PUT", "users/ara/servers/spots", token=BINDER_TOKEN, json=options).raise_for_status()
    with stack.sign_in("ara") as browser:
        page = browser.get("/hub/home").text
    assert 'data-user="ara"' in page
    assert 'data-collaboration="false"' in page
    for name in ("", "first", "spots"):
        assert f'data-server-name="{name}"' in page
    assert 'href="/hub/spawn/ara/spots"' in page
    assert "https://example.org/sun/spots @ 0123456789ab" in page
    assert '<script type="module" src="/services/binder/static/servers/main.js"></script>' in page
    assert "If this stays, its service is away" in page
    for name in ("first", "spots"):
        stack.delete_server("ara", name)


def test_a_failed_start_says_why_in_text_on_its_page(stack: Stack) -> None:
    stack.add_user("ara")
    stack.api("PUT", "users/ara/servers/fails", json={}).raise_for_status()
    stack.peers.refuse_starts = True
    with stack.sign_in("ara") as browser:
        refused = browser.get("/hub/spawn/ara/fails")
        shown = browser.get("/hub/spawn-pending/ara/fails")
    assert "Nothing may be started" in refused.text
    assert "Nothing may be started" in shown.text
    assert html.escape("Delete <one> of them.") in shown.text
    assert "<one>" not in refused.text + shown.text
    assert "My servers" in shown.text
    stack.delete_server("ara", "fails")


def test_a_guest_is_not_offered_to_start_what_only_its_owner_can(stack: Stack) -> None:
    ara = stack.add_user("ara")
    stack.add_user("vela")
    stack.api("PUT", "users/ara/servers/still", json={}).raise_for_status()
    stack.api("POST", "shares/ara/still", token=ara, json={"user": "vela"}).raise_for_status()
    with stack.sign_in("vela") as guest, stack.sign_in("ara") as owner:
        seen, own = guest.get("/user/ara/still/lab"), owner.get("/user/ara/still/lab")
    assert (seen.status_code, own.status_code) == (424, 424)
    assert 'id="start"' in own.text
    assert 'id="start"' not in seen.text
    assert "only ara can start it" in seen.text
    stack.delete_server("ara", "still")


def test_stop_on_the_page_of_a_start_means_the_server_that_starts(stack: Stack) -> None:
    stack.add_user("ara")
    with stack.sign_in("ara") as browser:
        stack.peers.hesitation = 2  # seconds in which the page is asked for
        stack.api("POST", "users/ara/servers/slow", json={}).raise_for_status()
        page = browser.get("/hub/spawn-pending/ara/slow").text
    assert "The server slow is starting" in page
    assert 'hub.stop_named_server("ara", "slow", answers)' in page
    stack.delete_server("ara", "slow")
