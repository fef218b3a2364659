"""What people see and do, in a real browser."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.browsing import PATIENCE
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


# Adds up what moved on the page by itself, as browsers measure it.
COUNT_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => { window.shifts += value; }))
  .observe({ type: "layout-shift" });
"""


# On the page, wherever it has been scrolled to.
PLACE = "element => element.getBoundingClientRect().top + scrollY"


def ask_for_launch(page: Page, repository: str) -> None:
    page.goto("/hub/home")
    page.get_by_role("link", name="Launch a repository").click()
    page.get_by_label("Repository").fill(repository)
    page.get_by_role("button", name="Launch", exact=True).click()


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
    expect(page.get_by_role("link", name="Open survey")).to_be_visible()


def test_a_reload_and_a_killed_service_during_a_build_lose_nothing_and_start_nothing_twice(
    stack: Stack, page: Page, person: Person, git: GitServer
) -> None:
    repository = git.create("astro/reload")
    repository.commit({"postBuild": SLOW_POST_BUILD, "notes.md": "# Notes"}, executable=("postBuild",))
    ask_for_launch(page, repository.url)
    log = page.locator("#log")
    expect(log).to_contain_text(f"part 3 of {PARTS}")
    page.reload()
    expect(log).to_contain_text(f"part 5 of {PARTS}")
    page.evaluate(COUNT_SHIFTS)
    expect(log).to_contain_text(f"part 15 of {PARTS}")
    assert page.evaluate("window.shifts") == 0
    stack.kill("sessions")
    page.wait_for_url(f"**/user/{person.name}/reload/lab**")

    launches = launches_of(person)
    assert len(launches) == 1
    page.goto(launches[0]["links"]["page"])
    expect(page.locator("#status")).to_have_text("The server is ready")
    expect(page.get_by_role("link", name="Open JupyterLab")).to_be_visible()
    expect(log).to_contain_text(f"part {PARTS} of {PARTS}")
    shown = [line for line in log.locator(".line").all_text_contents() if line.startswith("part ")]
    assert shown == [f"part {number} of {PARTS}\n" for number in range(1, PARTS + 1)]


def test_a_refused_launch_says_why_beside_its_field(page: Page, git: GitServer) -> None:
    ask_for_launch(page, f"{git.url}/astro/nowhere.git")
    expect(page.locator("#repo-problem")).to_contain_text("There is no public repository")
    expect(page.locator("#repo-problem")).to_contain_text("Check the spelling")
    expect(page.get_by_label("Repository")).to_be_focused()

    git.create("astro/image").commit({"Dockerfile": "FROM scratch\n"})
    page.reload()
    button = page.get_by_role("button", name="Launch", exact=True)
    expect(button).to_be_enabled()
    before = button.evaluate(PLACE)
    with page.expect_response("**/api/v1/plans"):  # the plan's answer leaves alone what the launch was told
        page.get_by_label("Repository").fill(f"{git.url}/astro/image.git")
        button.click()
    assert button.evaluate(PLACE) == before, "the answer to what is typed moves nothing from under a click"
    expect(page.get_by_role("alert")).to_contain_text("Dockerfile")
    expect(page.get_by_role("alert")).to_contain_text("The docker runtime can build it")


def test_our_page_fits_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto("/services/binder/")
    expect(page.get_by_role("heading", name="Launch a repository")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
