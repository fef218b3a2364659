"""The instance all end-to-end tests share, a git server, and people."""

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browsing import describe, open_tab, running_browser, sign_in
from tests.e2e.jupyter import Lab
from tests.e2e.launching import list_servers
from tests.e2e.stack import Stack, running_stack
from tests.support.gitserver import GitServer, running_git_server
from tests.support.notebooks import DATA, NOTEBOOK, REQUIREMENTS

_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as end-to-end."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the page showed."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and isinstance(page, Page):
        report.sections.append(("page", describe(page)))
    return report


@contextmanager
def kept_base_environment(state: Path) -> Iterator[None]:
    """Lend the base environment of an earlier run to this one: it is content-addressed and costs a minute to make."""
    kept = Path(__file__).parents[2] / "build" / "e2e-base"
    if kept.exists():
        shutil.move(kept, state / "base")
    yield
    if (state / "base").exists():
        kept.parent.mkdir(exist_ok=True)
        shutil.move(state / "base", kept)


@pytest.fixture(scope="session")
def git() -> Iterator[GitServer]:
    """A real `git http-backend` on loopback."""
    with running_git_server() as server:
        yield server


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One instance for all tests; its logs are shown when it does not start."""
    state = Path(tempfile.mkdtemp(prefix="heliostat-e2e-"))
    with kept_base_environment(state), running_stack(state) as running:
        yield running
    shutil.rmtree(state)


@dataclass(frozen=True)
class Person:
    """A user with a token, a client, and the JupyterLabs they opened."""

    name: str
    token: str
    client: httpx.Client
    labs: ExitStack

    def open_lab(self, server_name: str) -> Lab:
        """Talk to one of their servers."""
        address = self.client.base_url.join(f"/user/{self.name}/{server_name}/")
        return self.labs.enter_context(Lab(url=str(address), token=self.token))


@pytest.fixture
def person(stack: Stack) -> Iterator[Person]:
    """A user nobody used before; their servers are deleted afterwards."""
    name = f"user{next(_numbers)}"
    token = stack.create_user(name)
    with stack.client(token) as client, ExitStack() as labs:
        yield Person(name=name, token=token, client=client, labs=labs)
        for session in list_servers(client):
            client.delete(session["links"]["self"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file of tests (Playwright runs once per thread); every tab is a person of its own."""
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, stack: Stack, person: Person) -> Iterator[Page]:
    """The hub's home page, as a new user sees it."""
    with open_tab(browser, url=stack.url) as tab:
        sign_in(tab.page, username=person.name, password=stack.password)
        yield tab.page


@pytest.fixture(scope="session")
def repository(git: GitServer) -> str:
    """A small repository: pinned requirements, a notebook that needs them, a data file. Returns its URL."""
    repository = git.create("astro/survey")
    repository.commit({"requirements.txt": REQUIREMENTS, "survey.ipynb": NOTEBOOK, "data/fluxes.csv": DATA})
    return repository.url
