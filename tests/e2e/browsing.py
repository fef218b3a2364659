"""A real browser, headless, and what people do in it first."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

PATIENCE = 90_000  # milliseconds; the machine may be busy with a build and a JupyterLab at the same time
_GLANCE = 5_000
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",  # Chromium refuses to start as root with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_ANSWERED_WITH_AN_ERROR = "Failed to load resource"  # Chromium's line for every 4xx, also for those a page expects


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start the Chromium of this machine; skip the tests that need it where there is none."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(_PROGRAMS)} is on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page of its own, signed in as nobody yet, and what its scripts complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def note_console(self, message: ConsoleMessage) -> None:
        """Remember errors of the hub's and our pages; JupyterLab's are not ours."""
        if message.type == "error" and not message.text.startswith(_ANSWERED_WITH_AN_ERROR):
            self._note(message.text)

    def note_error(self, error: Error) -> None:
        """Remember what no script caught."""
        self._note(str(error))

    def _note(self, text: str) -> None:
        if "/user/" not in self.page.url:
            self.complaints.append(f"{self.page.url}: {text}")


@contextmanager
def open_tab(browser: Browser, *, url: str) -> Iterator[Tab]:
    """Open a page in a context of its own, so that nobody's cookies are in it."""
    with browser.new_context(base_url=url) as context:
        context.set_default_timeout(PATIENCE)
        tab = Tab(page=context.new_page())
        tab.page.on("console", tab.note_console)
        tab.page.on("pageerror", tab.note_error)
        yield tab
        assert not tab.complaints


def describe(page: Page) -> str:
    """Say where a page is and what it shows, for whoever reads why a test failed."""
    try:
        return f"{page.url}\n{page.locator('body').aria_snapshot(timeout=_GLANCE)}"
    except Error as error:
        return f"{page.url}\n{error}"


def sign_in(page: Page, *, username: str, password: str) -> None:
    """Sign in at the hub and arrive at its home page."""
    page.goto("/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/hub/home")
