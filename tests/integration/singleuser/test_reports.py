"""A real Jupyter server with the extension: polling is no activity; a silent kernel and a detached terminal are."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from heliostat_core.contracts.sessions import ActivityReport
from websockets.sync.client import connect

TOKEN = "token-of-the-server"
AUTH = {"Authorization": f"token {TOKEN}"}


class Sessions:
    """Receives reports."""

    def __init__(self) -> None:
        self.reports: list[ActivityReport] = []
        self.tokens: set[str | None] = set()
        self.failing = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.tokens.add(self.headers["Authorization"])
                outer.reports.append(ActivityReport.model_validate_json(body))
                self.send_response(503 if outer.failing else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1/activity"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def next_report(self, condition: Callable[[ActivityReport], Any] = lambda _: True) -> ActivityReport:
        """Wait for a report sent from now on."""
        seen, deadline = len(self.reports), time.monotonic() + 30
        while not (found := [report for report in self.reports[seen:] if condition(report)]):
            assert time.monotonic() < deadline, self.reports[-1:]
            time.sleep(0.02)
        return found[0]


@pytest.fixture(scope="module")
def sessions() -> Iterator[Sessions]:
    server = Sessions()
    with server.running():
        yield server


@pytest.fixture(scope="module")
def url(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    with Path(home, "log").open("wb") as log:
        arguments = ["--ip=127.0.0.1", "--port=0", "--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}"]
        extension = ["--ServerApp.jpserver_extensions={'heliostat_singleuser': True, 'jupyter_server_terminals': True}"]
        interval = ["--ActivityExtension.interval=0.3"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "SHELL": "/bin/bash",
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "HELIOSTAT_ACTIVITY_URL": sessions.url,
            "JUPYTERHUB_API_TOKEN": TOKEN,
        }
        command = [sys.executable, "-m", "jupyter_server", *arguments, *extension, *interval]
        with subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log) as process:
            try:
                sessions.next_report()
                found = next((home / "runtime").glob("jpserver-*.json"))
                yield json.loads(found.read_text())["url"]
            finally:
                process.terminate()
                process.wait(timeout=20)


def test_the_polling_of_an_open_page_is_no_activity(url: str, sessions: Sessions) -> None:
    report = sessions.next_report()
    for path in ("api/sessions", "api/kernels", "api/terminals", "api/contents?content=1"):
        assert httpx.get(f"{url}{path}", headers=AUTH).status_code == 200
    later = sessions.next_report(lambda each: each.sent_at > report.sent_at)
    assert (later.last_request, later.last_kernel, later.last_terminal) == (None, None, None)
    assert sessions.tokens == {f"token {TOKEN}"}


def test_opening_a_page_and_changing_a_file_are_activity(url: str, sessions: Sessions) -> None:
    before = sessions.next_report().last_request
    httpx.get(f"{url}api/status", headers={**AUTH, "Sec-Fetch-Mode": "navigate"})
    opened = sessions.next_report(lambda report: report.last_request != before).last_request
    httpx.put(f"{url}api/contents/x.txt", headers=AUTH, json={"type": "file", "format": "text", "content": "x"})
    assert sessions.next_report(lambda report: report.last_request != opened).last_request


def test_a_silent_computation_is_activity(url: str, sessions: Sessions) -> None:
    kernel = httpx.post(f"{url}api/kernels", headers=AUTH, json={}, timeout=30).json()
    channels = f"{url.replace('http', 'ws')}api/kernels/{kernel['id']}/channels"
    with connect(channels, additional_headers=AUTH) as channel:
        channel.send(json.dumps(execute_request("import time; time.sleep(60)")))
        sessions.next_report(lambda report: report.kernels_busy)
    first, second = sessions.next_report(), sessions.next_report()
    assert first.kernels_busy == second.kernels_busy == 1
    assert first.last_kernel
    assert second.last_kernel
    assert second.last_kernel > first.last_kernel
    httpx.delete(f"{url}api/kernels/{kernel['id']}", headers=AUTH, timeout=30)
    ended = sessions.next_report(lambda report: not report.kernels_busy)
    assert ended.last_kernel
    assert ended.last_kernel >= second.last_kernel


def test_output_of_a_terminal_without_a_browser_is_activity(url: str, sessions: Sessions) -> None:
    terminal = httpx.post(f"{url}api/terminals", headers=AUTH, timeout=30).json()["name"]
    with connect(f"{url.replace('http', 'ws')}terminals/websocket/{terminal}", additional_headers=AUTH) as channel:
        channel.send(json.dumps(["stdin", "while sleep 0.2; do echo tick; done\n"]))
        shown = ""
        while not re.search(r"^tick\r?$", shown, flags=re.MULTILINE):  # the command itself is shown, too
            kind, *text = json.loads(channel.recv(timeout=30))
            shown += text[0] if kind == "stdout" else ""
    first = sessions.next_report(lambda report: report.last_terminal)
    assert first.last_terminal is not None
    printed = first.last_terminal
    assert sessions.next_report(lambda report: report.last_terminal and report.last_terminal > printed)
    httpx.delete(f"{url}api/terminals/{terminal}", headers=AUTH)


def test_failures_slow_the_reports_down_and_do_not_end_them(url: str, sessions: Sessions) -> None:
    sessions.failing = True
    sessions.next_report()
    sessions.next_report()
    sessions.failing = False
    assert sessions.next_report()
    assert httpx.get(f"{url}api", headers=AUTH).status_code == 200


def execute_request(code: str) -> dict[str, Any]:
    header = {
        "msg_id": "1",
        "session": "s",
        "username": "",
        "msg_type": "execute_request",
        "version": "5.3",
        "date": "",
    }
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    return {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
