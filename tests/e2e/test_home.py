"""My servers, on the hub's home page, as people use it."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browsing import PATIENCE, open_tab, sign_in
from tests.e2e.conftest import Person
from tests.e2e.launching import API, wait_for
from tests.e2e.stack import Stack

expect.set_options(timeout=PATIENCE)


@contextmanager
def at_home(browser: Browser, stack: Stack, name: str) -> Iterator[Page]:
    with open_tab(browser, url=stack.url) as tab:
        sign_in(tab.page, username=name, password=stack.password)
        yield tab.page


def find_card(page: Page, name: str) -> Locator:
    return page.locator(f'.heliostat-server[data-server-name="{name}"]')


def create(page: Page, name: str) -> None:
    page.get_by_label("Name of a new server").fill(name)
    page.get_by_role("button", name="Create and start").click()


def test_a_server_is_made_shared_opened_by_its_guest_stopped_and_deleted(
    browser: Browser, stack: Stack, person: Person
) -> None:
    guest, stranger = f"guest-of-{person.name}", f"stranger-to-{person.name}"
    for name in (guest, stranger):
        stack.create_user(name)
    with at_home(browser, stack, person.name) as page:
        create(page, "together")
        card = find_card(page, "together")
        expect(page.locator("#heliostat-left")).to_have_text("4 of 5 named servers left")
        expect(card.get_by_role("link", name="Open together")).to_be_visible()
        expect(card).to_contain_text("if nothing happens")
        expect(card.get_by_label("Storage used")).to_be_visible()
        _share(page, card, guest)
        _open_as_guest(browser, stack, person.name, guest)
        _fail_to_open(browser, stack, person.name, stranger)
        _take_back(page, card, guest)
        page.set_viewport_size({"width": 360, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        card.get_by_role("button", name="Stop together").click()
        expect(card).to_contain_text("stopped")
        card.get_by_role("button", name="Delete together").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        dialog.get_by_role("button", name="Delete").click()
        expect(card).to_have_count(0)
        expect(page.locator("#heliostat-live")).to_have_text("together is deleted")


def _share(page: Page, card: Locator, guest: str) -> None:
    card.get_by_role("button", name="Share together").click()
    dialog = page.get_by_role("dialog", name="Share together")
    expect(dialog).to_contain_text("no real-time collaboration")
    name = dialog.get_by_label("User name or name of the group")
    name.fill("nobody-at-all")
    name.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("JupyterHub knows no user 'nobody-at-all'")
    name.fill(guest)
    name.press("Enter")
    expect(dialog.get_by_label("Who has access")).to_contain_text(f"user {guest}")
    page.keyboard.press("Escape")
    expect(card.get_by_role("button", name="Share together")).to_be_focused()


def _open_as_guest(browser: Browser, stack: Stack, owner: str, guest: str) -> None:
    with at_home(browser, stack, guest) as page:
        page.get_by_role("link", name=f"Open together of {owner}").click()
        page.get_by_role("button", name="Authorize").click()
        page.wait_for_url(f"**/user/{owner}/together/lab**")
        expect(page.locator(".jp-Launcher")).to_be_visible()


def _fail_to_open(browser: Browser, stack: Stack, owner: str, stranger: str) -> None:
    with at_home(browser, stack, stranger) as page:
        expect(page.locator("#heliostat-list")).to_be_visible()
        expect(page.locator("#heliostat-shared")).to_be_hidden()
        answer = page.goto(f"/user/{owner}/together/lab")
        assert answer
        assert answer.status == 403
        expect(page.get_by_role("heading")).to_contain_text("You do not have permission")


def _take_back(page: Page, card: Locator, guest: str) -> None:
    card.get_by_role("button", name="Share together").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=f"Take access back from user {guest}").click()
    expect(dialog.get_by_label("Who has access")).to_have_text("Nobody else has access.")
    dialog.get_by_role("button", name="Close").click()


def test_refusals_are_text_in_the_page_already_while_a_name_is_typed(
    browser: Browser, stack: Stack, person: Person
) -> None:
    for number in range(4):
        assert person.client.put(f"/hub/api/users/{person.name}/servers/s{number}", json={}).status_code == 201
    with at_home(browser, stack, person.name) as page:
        expect(find_card(page, "s3")).to_be_visible()
        field, reason = page.get_by_label("Name of a new server"), page.locator("#heliostat-name-reason")
        for name, why in (
            ("a" * 21, "is 21 characters long; at most 20 are allowed. Use a name of at most 20 characters."),
            ("My Server!", "Use lower-case letters, digits and single hyphens, beginning with a letter."),
            ("s0", "You have a server 's0' already. Start that one, or choose another name."),
        ):
            field.fill(name)
            expect(reason).to_contain_text(why)
            expect(field).to_have_attribute("aria-invalid", "true")
        field.fill("free")
        expect(reason).to_have_text("free is free")

        assert person.client.put(f"/hub/api/users/{person.name}/servers/s4", json={}).status_code == 201
        create(page, "sixth")
        expect(page.get_by_role("alert")).to_contain_text("You have 5 of 5 named servers")
        expect(page.get_by_role("alert")).to_contain_text("Delete one of them first")
        expect(field).to_be_focused()


def test_a_launched_server_shows_its_commit_and_relaunches_it(
    browser: Browser, stack: Stack, person: Person, repository: str
) -> None:
    asked = person.client.post(f"{API}/launches", json={"repo": repository, "provider": "git"}).json()
    commit = asked["plan"]["commit"]
    with at_home(browser, stack, person.name) as page:
        card = find_card(page, "survey")
        expect(card).to_contain_text(f"astro/survey @ {commit[:12]}")
        card.get_by_role("link", name="Relaunch this commit of survey in a new server").click()
        page.wait_for_url("**/services/binder/launches/**")
    wait_for(lambda: "survey-2" in {launch["server_name"] for launch in person.client.get(f"{API}/launches").json()})


def test_without_the_sessions_service_the_hubs_own_list_still_works(
    browser: Browser, stack: Stack, person: Person
) -> None:
    assert person.client.put(f"/hub/api/users/{person.name}/servers/kept", json={}).status_code == 201
    with open_tab(browser, url=stack.url) as tab:
        tab.page.context.route("**/services/binder/api/**", lambda route: route.abort())
        sign_in(tab.page, username=person.name, password=stack.password)
        expect(tab.page.locator("#heliostat-notice")).to_contain_text("Only JupyterHub's own list can be shown now")
        row = tab.page.locator('.home-server-row[data-server-name="kept"]')
        expect(row.get_by_role("button", name="start")).to_be_visible()
        tab.page.once("dialog", lambda dialog: dialog.accept())
        row.get_by_role("button", name="delete").click()
        expect(row).to_have_count(0)
        tab.page.context.unroute_all()
        expect(find_card(tab.page, "")).to_be_visible()
        expect(tab.page.locator("#heliostat-plain")).to_be_hidden()
