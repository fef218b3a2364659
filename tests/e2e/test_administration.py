"""What administrators see and do, in a real browser; and that nobody sees a secret."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import PATIENCE, open_tab, sign_in
from tests.e2e.conftest import Person
from tests.e2e.launching import API, launch_to_ready
from tests.e2e.stack import Stack

expect.set_options(timeout=PATIENCE)
ADMIN = "/services/binder/admin"


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """The hub's home page, as an administrator sees it."""
    password = json.loads((stack.state / "credentials.json").read_text())["admin_password"]
    with open_tab(browser, url=stack.url) as tab:
        sign_in(tab.page, username=stack.admin_username, password=password)
        yield tab.page


def test_an_administrator_finds_what_runs_and_stops_it(page: Page, person: Person, repository: str) -> None:
    launched = launch_to_ready(person.client, repo=repository, provider="git")
    page.goto("/services/binder/")
    page.get_by_role("link", name="Administration").click()
    page.get_by_label("Owner").fill(person.name)
    page.get_by_role("button", name="Show").click()
    row = page.get_by_role("row").filter(has_text=repository)
    expect(row).to_contain_text("running")
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Stop").click()
    expect(row.get_by_role("button", name="Stop")).to_have_count(0)

    row.get_by_role("link", name=str(launched["server_name"]), exact=True).click()
    expect(page.get_by_text("The hub is asked to stop the server (asked by an administrator)")).to_be_visible()
    page.get_by_role("link", name=re.compile("^launch [0-9a-f]{8}$")).first.click()
    expect(page.get_by_text(f"{person.name} asked to launch {repository}")).to_be_visible()
    expect(page.get_by_text("The server is ready")).to_be_visible()
    page.get_by_role("link", name=re.compile("^environment [0-9a-f]+")).first.click()
    environment = page.get_by_role("row").filter(has_text=launched["plan"]["environment_id"])
    expect(environment).not_to_contain_text("never")
    environment.get_by_role("link", name="its build").click()
    expect(page.get_by_role("region", name="Log")).to_contain_text("ipykernel")


def test_a_policy_is_tried_and_put_in_force(page: Page) -> None:
    page.goto(f"{ADMIN}/policies")
    text = page.get_by_label("Policy, in YAML")
    good = text.input_value()
    text.fill(good.replace("named_servers: 5", "named_servers: many"))
    page.get_by_role("button", name="Try it").click()
    place = next(number for number, line in enumerate(good.splitlines(), start=1) if "named_servers: 5" in line)
    expect(page.get_by_role("button", name=f"Line {place}, column")).to_be_visible()
    assert text.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)").strip() == "many"

    text.fill(good.replace("named_servers: 5", "named_servers: 6"))
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("default: named_servers from 5 to 6")).to_be_visible()
    text.fill(f"{good}# reviewed\n")
    page.get_by_label("Why").fill("read again")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Put it in force").click()
    newest = page.get_by_role("row").filter(has_text="in force")
    expect(newest).to_contain_text("read again")
    newest.get_by_role("link", name="Version").click()
    expect(page.get_by_role("region", name="What changed")).to_contain_text("+# reviewed")


def test_the_pages_fit_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    for name in ("sessions", "builds", "environments", "timeline", "policies"):
        page.goto(f"{ADMIN}/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
    # Stacked rows are a table still.
    expect(page.get_by_role("cell").first).to_be_visible()


def test_the_pages_are_nobody_elses(browser: Browser, stack: Stack, person: Person) -> None:
    with open_tab(browser, url=stack.url) as tab:
        sign_in(tab.page, username=person.name, password=stack.password)
        answer = tab.page.goto(f"{ADMIN}/policies")
        assert answer is not None
        assert answer.status == 403
        expect(tab.page.get_by_role("heading", level=1)).to_contain_text("custom:heliostat:admin")


def test_no_secret_of_the_instance_is_in_the_timeline(stack: Stack, person: Person, repository: str) -> None:
    asked = {"repo": repository.replace("://", "://ada:s3cret-of-ada@"), "provider": "git"}
    assert person.client.post(f"{API}/launches", json=asked).status_code == 422
    secrets = {path.read_text().strip() for path in (stack.state / "secrets").iterdir()} | {
        person.token,
        "s3cret-of-ada",
    }
    assert len(secrets) > 5
    target: str | None = f"{API}/events?limit=200"
    with stack.client(stack.api_token) as admin:
        while target is not None:
            answer = admin.get(target).raise_for_status()
            assert not [secret for secret in secrets if secret in answer.text]
            target = answer.json()["older"]
