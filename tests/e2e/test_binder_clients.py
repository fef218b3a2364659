"""BinderHub's API with clients nobody here wrote, in a browser, on pages of another origin."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browsing import PATIENCE, open_tab
from tests.e2e.jupyter import Lab
from tests.e2e.launching import wait_for
from tests.e2e.stack import Stack, running_stack
from tests.support.gitserver import GitServer
from tests.support.pages import NODE_MODULES, running_site

_CLIENT_PAGE = """
<!doctype html><title>binderhub-client</title>
<script type="importmap">{"imports": {
  "@microsoft/fetch-event-source": "/@microsoft/fetch-event-source/lib/esm/index.js",
  "event-iterator": "/event-iterator.js"
}}</script>
<script type="module">
  import { BinderRepository } from "/@jupyterhub/binderhub-client/lib/client.js";
  window.launch = async (spec, endpoint, options, patience) => {
    const repository = new BinderRepository(spec, new URL(endpoint), options);
    const messages = [];
    const late = setTimeout(() => repository.close(), patience);
    for await (const message of repository.fetch()) {
      messages.push(message);
      if (message.phase === "ready" || message.phase === "failed") repository.close();
    }
    clearTimeout(late);
    return messages;
  };
</script>
"""
_THEBE_PAGE = """
<!doctype html><title>thebe-core</title>
<div id="cell"></div>
<script src="/thebe-core/dist/lib/thebe-core.min.js"></script>
<script>
  window.run = async (binderUrl, repo, source) => {
    const api = window.thebeCore.api;
    const config = api.makeConfiguration({
      useBinder: true,
      binderOptions: { binderUrl, repoProvider: "git", repo, ref: "HEAD" },
      kernelOptions: { kernelName: "python3", path: "/" },
      savedSessions: { enabled: false },
    });
    const server = api.connectToBinder(config);
    await server.ready;
    const rendermime = api.makeRenderMimeRegistry();
    const session = await server.startNewSession(rendermime);
    const notebook = api.setupNotebookFromBlocks([{ id: "cell", source }], config, rendermime);
    notebook.attachSession(session);
    notebook.cells[0].attachToDOM(document.getElementById("cell"));
    await notebook.executeAll();
    const { baseUrl, token } = server.settings;
    return { text: document.getElementById("cell").innerText, baseUrl, token };
  };
</script>
"""


def _read_event_iterator() -> str:
    """Make a module of a package that has only the older form of one."""
    source = (NODE_MODULES / "event-iterator" / "lib" / "event-iterator.js").read_text()
    return f"const exports = {{}};\n{source}\nexport {{ EventIterator }};\n"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Another origin with a page for each client."""
    pages = {"/client": _CLIENT_PAGE, "/thebe": _THEBE_PAGE, "/event-iterator.js": _read_event_iterator()}
    with running_site(pages) as origin:
        yield origin


@pytest.fixture(scope="module")
def public(stack: Stack, site: str) -> Iterator[Stack]:
    """An instance that lets anybody launch, from that other origin too: no setting of the shared one."""
    state = Path(tempfile.mkdtemp(prefix="heliostat-public-"))
    shutil.copytree(stack.state / "base", state / "base", symlinks=True, copy_function=os.link)
    settings = {
        "HELIOSTAT_SESSIONS_ANONYMOUS_LAUNCHES": "true",
        "HELIOSTAT_SESSIONS_ALLOWED_ORIGINS": f'["{site}"]',
        "HELIOSTAT_SESSIONS_LINGER": "5s",
    }
    with running_stack(state, **settings) as running:
        yield running
    shutil.rmtree(state)


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A tab of the other origin, in which nobody is signed in."""
    with open_tab(browser, url=site) as tab:
        yield tab.page


@pytest.fixture(scope="module")
def demo(git: GitServer) -> str:
    """A repository without requirements of its own."""
    repository = git.create("astro/demo")
    repository.commit({"answer.txt": "42\n"})
    return repository.url


def test_binderhub_client_launches_with_a_hub_token(public: Stack, page: Page, demo: str) -> None:
    token = public.create_user("carla")
    page.goto("/client")
    messages = _launch(page, public, f"git/{quote(demo, safe='')}/HEAD", {"apiToken": token})
    ready = messages[-1]
    assert ready["phase"] == "ready", messages
    phases = list(dict.fromkeys(message["phase"] for message in messages))
    assert phases == ["waiting", "fetching", "building", "built", "launching", "ready"]
    assert ready["url"].startswith(f"{public.url}/user/")
    # Playwright has a loop of its own in this thread.
    with Lab(url=ready["url"], token=token) as lab, ThreadPoolExecutor(max_workers=1) as pool:
        assert "42" in pool.submit(lab.execute, "print(open('answer.txt').read())").result()
    assert httpx.get(f"{ready['url']}api/contents", params={"token": ready["token"]}).status_code in {302, 403}
    again = _launch(page, public, f"git/{quote(demo, safe='')}/HEAD", {"apiToken": token})
    assert again[-1]["url"] == ready["url"]
    image = _launch(page, public, f"git/{quote(demo, safe='')}/HEAD", {"apiToken": token, "buildOnly": True})
    assert [message["phase"] for message in image] == ["ready"]
    assert image[0]["imageName"] == ready["image"]


def test_binderhub_client_is_told_why_it_failed(public: Stack, page: Page, demo: str) -> None:
    page.goto("/client")
    (failed,) = _launch(page, public, f"git/{quote(demo, safe='')}/gone", {"apiToken": public.api_token})
    assert (failed["phase"], failed["reason"]) == ("failed", "ref_not_found")


def test_our_pages_launch_for_somebody_without_a_sign_in(public: Stack, page: Page, git: GitServer) -> None:
    repository = git.create("astro/pages")  # one that nobody built yet, so that there is a wait
    repository.commit({"answer.txt": "43\n"})
    page.goto(f"{public.url}/services/binder/")
    page.get_by_label("Repository").fill(repository.url)
    page.get_by_label("Repository").press("Enter")
    page.wait_for_url("**/v2/git/**")
    page.locator("#log").get_by_text("Waiting for build").wait_for()
    page.reload()
    page.wait_for_url("**/user/temporary-*/*/lab**")
    page.locator(".jp-DirListing-item", has_text="answer.txt").wait_for()
    with public.client(public.api_token) as hub:
        users = [user["name"] for user in hub.get("/hub/api/users").json()]
    assert len([name for name in users if name.startswith("temporary-")]) == 1, "a reload launches nothing again"


def test_thebe_runs_a_cell_for_somebody_without_a_sign_in(public: Stack, page: Page, demo: str) -> None:
    before = set((public.state / "volumes").iterdir())
    page.goto("/thebe")
    arguments = [f"{public.url}/services/binder", demo, "print(open('answer.txt').read())"]
    ran = page.evaluate("given => window.run(...given)", arguments)
    assert "42" in ran["text"]
    user, name = ran["baseUrl"].removeprefix(f"{public.url}/user/").strip("/").split("/")
    assert user.startswith("temporary-")
    _check_token_opens_only_its_server(public, ran["token"])
    (volume,) = set((public.state / "volumes").iterdir()) - before
    with public.client(public.api_token) as admin:
        assert admin.delete(f"/hub/api/users/{user}/servers/{name}").status_code in {202, 204}
        wait_for(lambda: admin.get(f"/hub/api/users/{user}").status_code == 404, what="the end of the user")
    assert not volume.exists()


def _check_token_opens_only_its_server(public: Stack, token: str) -> None:
    with public.client(token) as client:
        assert client.get("/services/binder/api/v1/sessions").status_code == 403
        assert client.get("/hub/api/users").status_code == 403


def _launch(page: Page, public: Stack, spec: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    endpoint = f"{public.url}/services/binder/build/"
    messages: list[dict[str, Any]] = page.evaluate(
        "given => window.launch(...given)", [spec, endpoint, options, 2 * PATIENCE]
    )
    return messages
