"""The launch page, links that launch, and the page of a launch, in a real browser."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import PATIENCE
from tests.e2e.conftest import Person
from tests.e2e.launching import API
from tests.e2e.stack import Stack
from tests.support.gitserver import GitServer

expect.set_options(timeout=PATIENCE)
LAUNCHES = re.compile(r"/services/binder/launches/[0-9a-f-]{36}$")
LINES = 3000
HOSTILE_POST_BUILD = rf"""#!/bin/bash
seq -f 'row %g' 1 {LINES}
printf '\033[31mred\033[0m <img src=x onerror=alert(1)><script>document.title = "mine"</script>\n'
printf '\033]0;title\007\033[2J\033[1;1Hstill here \033]8;;https://evil.example\033\\a link\033]8;;\033\\\n'
printf '10 %%\r50 %%\r100 %%\n'
echo 'the catalogue is away: 404' >&2
exit 3
"""


@pytest.fixture(scope="module")
def broken(git: GitServer) -> str:
    """A repository whose build fails after much hostile output. Returns the path of its link."""
    repository = git.create("astro/broken")
    repository.commit({"postBuild": HOSTILE_POST_BUILD}, executable=("postBuild",))
    return f"/services/binder/v2/git/{quote(repository.url, safe='')}/HEAD?filepath=notes%2Fa.ipynb"


def launches_of(person: Person) -> list[dict[str, Any]]:
    return list(person.client.get(f"{API}/launches").json())


def test_what_is_pasted_becomes_a_plan_a_link_and_a_badge(page: Page, stack: Stack, git: GitServer) -> None:
    repository = git.create("astro/plan")
    repository.commit({"postBuild": "#!/bin/bash\n", "notes/a b.ipynb": "{}"}, executable=("postBuild",))
    repository.tag("v1")
    page.goto("/services/binder/")
    page.get_by_label("Repository").fill(f"{repository.url}/tree/v1/notes/a%20b.ipynb")
    page.get_by_label("Repository").press("Tab")
    expect(page.get_by_label("Where it is")).to_have_value("git")
    expect(page.get_by_label("Repository")).to_have_value(repository.url)
    expect(page.get_by_label("Branch, tag or commit")).to_have_value("v1")
    expect(page.locator("#path")).to_have_value("notes/a b.ipynb")
    plan = page.locator("#plan")
    expect(plan).to_contain_text("The environment has to be built")
    expect(plan).to_contain_text(repository.head())
    expect(plan).to_contain_text("Forces a build for this commit alone")

    base = f"{stack.url}/services/binder/"
    link = f"{base}v2/git/{quote(repository.url, safe='')}/v1?filepath=notes%2Fa%20b.ipynb"
    expect(page.get_by_label("Link that launches it")).to_have_value(link)
    page.get_by_role("tab", name="HTML").click()
    badge = f'<a href="{link}"><img src="{base}badge_logo.svg" alt="Binder"></a>'
    expect(page.get_by_role("textbox", name="HTML")).to_have_value(badge)
    page.get_by_role("button", name="Copy the badge").click()
    expect(page.get_by_text("Copied")).to_be_attached()
    assert page.locator("#badge").evaluate("image => image.naturalWidth") > 0

    page.get_by_label("Branch, tag or commit").fill("nowhere")
    expect(page.locator("#ref-problem")).to_contain_text("nowhere")
    expect(plan).to_contain_text("There is no plan")
    page.get_by_label("Name of the server").fill("a" * 21)
    expect(page.locator("#server_name-problem")).to_contain_text("at most 20")


def test_a_link_launches_once_and_shows_why_and_where_it_failed(page: Page, person: Person, broken: str) -> None:
    page.goto(broken)
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("postBuild script failed: the catalogue is away: 404")
    expect(problem).to_contain_text("Look at what it printed")
    expect(page).to_have_url(LAUNCHES)
    expect(page.locator('[data-phase="build"]')).to_have_attribute("data-state", "failed")
    page.reload()
    expect(problem).to_contain_text("the catalogue is away")
    assert len(launches_of(person)) == 1

    problem.get_by_role("link", name="See the line where it happened").click()
    target = page.locator(".line.target")
    expect(target).to_have_text("the catalogue is away: 404")
    expect(target).to_be_in_viewport()
    place = page.url
    page.goto("/hub/home")
    page.goto(place)
    expect(target).to_have_text("the catalogue is away: 404")
    expect(target).to_be_in_viewport()
    page.get_by_role("link", name="Change the request").click()
    expect(page.locator("#path")).to_have_value("lab/tree/notes/a.ipynb")
    expect(page.get_by_label("What the path is")).to_have_value("url")


def test_a_hostile_log_is_text_that_can_be_read_searched_and_kept(page: Page, broken: str) -> None:
    page.goto(broken)
    expect(page.get_by_role("alert")).to_contain_text("the catalogue is away")
    log = page.locator("#log")
    expect(log.locator(".line", has_text="row")).to_have_count(LINES)
    expect(log.locator("img, script, a:not(.number)")).to_have_count(0)
    expect(log.get_by_text("<img src=x onerror=alert(1)>")).to_be_attached()
    expect(log.locator(".ansi-fg-1")).to_have_text("red")
    lines = log.locator(".line").all_text_contents()
    assert "still here a link\n" in lines
    assert "100 %\n" in lines
    expect(page).to_have_title(re.compile("broken"))

    page.get_by_label("Find in log").fill("ROW 29")
    expect(page.locator("#found")).to_have_text(f"1 of {1 + 10 + 100}")
    page.get_by_label("Find in log").press("Enter")
    expect(page.locator("#found")).to_have_text(f"2 of {1 + 10 + 100}")
    expect(log.locator(".current")).to_have_text("row 290")
    expect(log.locator(".current")).to_be_in_viewport()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert f"\nrow {LINES}\nred <img src=x" in text
    assert "\x1b" not in text

    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_refusal_lists_servers_and_makes_room(page: Page, person: Person, repository: str) -> None:
    for number in range(5):
        assert person.client.put(f"/hub/api/users/{person.name}/servers/s{number}", json={}).status_code == 201
    page.goto(f"/services/binder/v2/git/{quote(repository, safe='')}/HEAD")
    expect(page.get_by_role("alert")).to_contain_text("You have 5 of 5 named servers")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete s3").click()
    expect(page.get_by_text("s3 is deleted")).to_be_visible()
    page.get_by_role("button", name="Launch again").click()
    page.wait_for_url(f"**/user/{person.name}/survey/lab**")


def test_a_launch_needs_no_mouse_and_no_light(page: Page, person: Person, repository: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/services/binder/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(33, 37, 41)"
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Where it is")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Repository")).to_be_focused()
    page.keyboard.type(repository)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/user/{person.name}/survey/lab**")
