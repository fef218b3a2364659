"""Take the pictures in the docs: ``make screenshots``, against the instance that ``make up`` runs.

A picture is a function that brings a page into the state that is shown, and a line in `SHOTS`.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import PATIENCE, open_tab, running_browser, sign_in
from tests.support.gitserver import GitServer, running_git_server
from tests.support.notebooks import DATA, NOTEBOOK, REQUIREMENTS

CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / "docs" / "screenshots"
BINDER = "/services/binder/"
_FAILING = r"""#!/bin/bash
for name in stars galaxies quasars; do printf '\033[32mfetched\033[0m %s\n' "$name"; done
printf '\033[1;31merror\033[0m the catalogue of pulsars is away: 404\n' >&2
exit 1
"""
_SLOW = "#!/bin/bash\nfor part in $(seq 1 40); do printf '\\033[36mpart %s\\033[0m of 40\\n' $part; sleep 0.3; done\n"


def show_launch_page(page: Page, git: GitServer) -> None:
    """Fill the launch page."""
    repository = git.create("astro/survey")
    repository.commit({"requirements.txt": REQUIREMENTS, "survey.ipynb": NOTEBOOK, "data/fluxes.csv": DATA})
    page.goto(BINDER)
    page.get_by_label("Repository").fill(repository.url)
    page.locator("#path").fill("survey.ipynb")
    expect(page.locator("#facts")).to_contain_text(repository.head())


def show_progress(page: Page, git: GitServer) -> None:
    """Show a build under way."""
    _follow_link(page, git, "astro/pipeline", _SLOW)
    expect(page.locator("#log")).to_contain_text("part 15 of")


def show_failure(page: Page, git: GitServer) -> None:
    """Show a build that failed, and its line."""
    _follow_link(page, git, "astro/pulsars", _FAILING)
    page.get_by_role("link", name="See the line where it happened").click()


def _follow_link(page: Page, git: GitServer, name: str, script: str) -> None:
    repository = git.create(name)
    repository.commit({"postBuild": script}, executable=("postBuild",))
    page.goto(f"{BINDER}v2/git/{quote(repository.url, safe='')}/HEAD")


def show_home(page: Page, git: GitServer) -> None:
    """Show the servers there are."""
    page.goto("/hub/home")
    page.wait_for_load_state("networkidle")


def show_timeline(page: Page, git: GitServer) -> None:
    """Show what happened in all services."""
    page.goto(f"{BINDER}admin/timeline?kind=launch")


def show_policies(page: Page, git: GitServer) -> None:
    """Show a policy with a fault in it."""
    page.goto(f"{BINDER}admin/policies")
    text = page.get_by_label("Policy, in YAML")
    text.fill(text.input_value().replace("cpu: 1", "cpu: one"))
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("button", name="Line")).to_be_visible()


@dataclass(frozen=True)
class Shot:
    """One picture; ``by`` is who looks."""

    name: str
    show: Callable[[Page, GitServer], None]
    by: str = "username"
    width: int = 1000
    height: int = 700
    dark: bool = False


SHOTS = [
    Shot("launch", show_launch_page),
    Shot("progress", show_progress, dark=True),
    Shot("failed", show_failure),
    Shot("failed-telephone", show_failure, width=360),
    Shot("home", show_home),
    Shot("timeline", show_timeline, by="admin_username"),
    Shot("policies", show_policies, by="admin_username", height=1150),
]


def main() -> None:
    """Take all pictures, or those that are named."""
    state = Path(os.environ.get("HELIOSTAT_STATE_DIR", CHECKOUT / ".heliostat"))
    credentials = json.loads((state / "credentials.json").read_text())
    wanted = set(sys.argv[1:])
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with running_browser() as browser:
        for shot in SHOTS:
            if not wanted or shot.name in wanted:
                take(shot, browser, credentials)


def take(shot: Shot, browser: Browser, credentials: dict[str, str]) -> None:
    """Take one picture, with repositories and a browser window of its own."""
    password = credentials["password" if shot.by == "username" else "admin_password"]
    with running_git_server() as git, open_tab(browser, url=credentials["url"]) as tab:
        tab.page.set_viewport_size({"width": shot.width, "height": shot.height})
        tab.page.emulate_media(color_scheme="dark" if shot.dark else "light", reduced_motion="reduce")
        sign_in(tab.page, username=credentials[shot.by], password=password)
        shot.show(tab.page, git)
        tab.page.screenshot(path=FOLDER / f"{shot.name}.png", full_page=True)


if __name__ == "__main__":
    main()
