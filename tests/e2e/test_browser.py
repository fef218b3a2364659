"""What people see and do, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import PATIENCE, open_tab, running_browser, sign_in
from tests.e2e.conftest import Person
from tests.e2e.launching import API
from tests.e2e.stack import Stack
from tests.support.gitserver import GitServer

expect.set_options(timeout=PATIENCE)
PARTS = 60
SLOW_POST_BUILD = f"""\
#!/bin/bash
for number in $(seq 1 {PARTS}); do
    echo "part $number of {PARTS}"
    sleep 0.2
done
"""


@pytest.fixture(scope="module")
def browser(stack: Stack) -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, stack: Stack, person: Person) -> Iterator[Page]:
    """The hub's home page, as a new user sees it."""
    with open_tab(browser, url=stack.url) as tab:
        sign_in(tab.page, username=person.name, password=stack.password)
        yield tab.page


def ask_for_launch(page: Page, repository: str) -> None:
    page.goto("/hub/home")
    page.get_by_role("button", name="Launch a repository").click()
    page.get_by_label("Repository").fill(repository)
    page.get_by_role("button", name="Launch", exact=True).click()


def add_server(page: Page, name: str) -> None:
    page.get_by_label("server name").fill(name)
    page.get_by_role("button", name="Add New Server").click()


def launches_of(person: Person) -> list[dict[str, Any]]:
    return list(person.client.get(f"{API}/launches").json())


def test_from_signing_in_to_the_files_of_a_repository(page: Page, person: Person, repository: str) -> None:
    ask_for_launch(page, repository)
    expect(page.locator("#log")).to_contain_text("requested")
    page.wait_for_url(f"**/user/{person.name}/survey/lab**")
    files = page.locator(".jp-DirListing-item")
    expect(files.filter(has_text="survey.ipynb")).to_be_visible()
    expect(files.filter(has_text="requirements.txt")).to_be_visible()

    page.goto("/hub/home")
    row = page.locator('[data-server-name="survey"]')
    expect(row).to_contain_text(repository)
    expect(row.get_by_role("link", name=f"/user/{person.name}/survey/")).to_be_visible()


def test_a_reload_and_a_killed_service_during_a_build_lose_nothing_and_start_nothing_twice(
    stack: Stack, page: Page, person: Person, git: GitServer
) -> None:
    repository = git.create("astro/reload")
    repository.commit({"postBuild": SLOW_POST_BUILD, "notes.md": "# Notes"}, executable=("postBuild",))
    ask_for_launch(page, repository.url)
    log = page.locator("#log")
    expect(log).to_contain_text(f"part 5 of {PARTS}")
    page.reload()
    expect(log).to_contain_text(f"part 10 of {PARTS}")
    stack.kill("sessions")
    page.wait_for_url(f"**/user/{person.name}/reload/lab**")

    launches = launches_of(person)
    assert len(launches) == 1
    page.goto(launches[0]["links"]["page"])
    expect(page.get_by_role("status")).to_have_text("The server is ready")
    expect(page.get_by_role("link", name="Open JupyterLab")).to_be_visible()
    shown = [line for line in log.inner_text().splitlines() if line.startswith("part ")]
    assert shown == [f"part {number} of {PARTS}" for number in range(1, PARTS + 1)]


def test_the_hub_page_says_why_it_refuses_a_server(page: Page, person: Person) -> None:
    answer = page.locator("#error-dialog")
    add_server(page, "a" * 21)
    expect(answer).to_contain_text("is 21 characters long; at most 20 are allowed")
    answer.get_by_role("button", name="OK").click()
    expect(answer).to_be_hidden()

    for number in range(5):
        assert person.client.put(f"/hub/api/users/{person.name}/servers/s{number}", json={}).status_code == 201
    page.reload()
    add_server(page, "sixth")
    expect(answer).to_contain_text("You have 5 of 5 named servers")
    expect(answer).to_contain_text("Delete one of them first")
    page.reload()
    expect(page.locator("[data-server-name]")).to_have_count(5)


def test_a_plain_server_is_made_started_stopped_and_deleted_on_the_hub_page(page: Page, person: Person) -> None:
    add_server(page, "plain")
    row = page.locator('[data-server-name="plain"]')
    row.get_by_role("button", name="start").click()
    page.wait_for_url(f"**/user/{person.name}/plain/lab**")
    expect(page.locator(".jp-Launcher")).to_be_visible()

    page.goto("/hub/home")
    row.get_by_role("button", name="stop").click()
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="delete").click()
    expect(row).to_have_count(0)
    page.reload()
    expect(page.get_by_label("server name")).to_be_visible()
    expect(row).to_have_count(0)


def test_a_refused_launch_says_why_beside_its_field(page: Page, git: GitServer) -> None:
    ask_for_launch(page, f"{git.url}/astro/nowhere.git")
    expect(page.get_by_role("alert")).to_contain_text("There is no public repository")
    expect(page.get_by_role("alert")).to_contain_text("Check the spelling")
    expect(page.get_by_label("Repository")).to_be_focused()

    git.create("astro/image").commit({"Dockerfile": "FROM scratch\n"})
    ask_for_launch(page, f"{git.url}/astro/image.git")
    expect(page.get_by_role("alert")).to_contain_text("Dockerfile")
    expect(page.get_by_role("alert")).to_contain_text("The docker runtime can build it")


def test_our_page_fits_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto("/services/binder/")
    expect(page.get_by_role("heading", name="Launch a repository")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
