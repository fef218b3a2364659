"""A real JupyterHub with its real proxy, the process runtime, and a policy service played by the test."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest, AdmissionView, Rules
from heliostat_core.grants import Grant, sign_grant
from pydantic import SecretStr

CHECKOUT = Path(__file__).parents[3]
PROXY = CHECKOUT / "node_modules/.bin/configurable-http-proxy"
GRANT_KEY = SecretStr("grant-key-of-the-tests-" + "0" * 20)
ADMIN_TOKEN = "admin-token-of-the-tests"
BINDER_TOKEN = "binder-token-of-the-tests"
METRICS_TOKEN = "metrics-token-of-the-tests"
USER_PASSWORD = "password-of-users"
RULES = Rules.model_validate(
    {
        "server_name_length": 20,
        "named_servers": 5,
        "idle_timeout": "2h",
        "idle_warning": None,
        "storage": "64MiB",
        "cpu": 1,
        "memory": "2GB",
        "require_enforcement": False,
        "launches": True,
    }
)


def find_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(condition: Callable[[], Any], *, timeout: float = 60) -> Any:
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return result


class Peers:
    """The policy service and the activity endpoint of sessions, in a thread of the test."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self.down = False
        self.refuse_starts = False
        self.refuse_shares = False
        self.hesitation = 0.0
        self.asked: list[AdmissionRequest] = []
        self.reports: list[tuple[str, dict[str, Any]]] = []
        app = FastAPI()
        app.post("/services/policy/api/v1/decisions/admission")(self._admit)
        app.post("/services/binder/api/v1/activity", status_code=204)(self._report)
        self.port = find_port()
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=self.port, log_config=None))
        self._thread = threading.Thread(target=self._server.run, name="peers")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        wait_for(lambda: self._server.started)
        try:
            yield
        finally:
            self._server.should_exit = True
            self._thread.join()

    async def _admit(self, body: AdmissionRequest, response: Response) -> Any:
        if self.down:
            response.status_code = 503
            return {}
        await asyncio.sleep(self.hesitation)
        self.asked.append(body)
        rule, message, limit, current = self._judge(body)
        return AdmissionView(
            decision_id=uuid4(),
            allowed=rule is None,
            rule=rule,
            policy_version=1,
            message=message,
            remedy=rule and "Delete <one> of them.",
            field=None,
            limit=limit,
            current=current,
            rules=self.rules,
        )

    def _judge(self, body: AdmissionRequest) -> tuple[str | None, str, int | None, int | None]:
        name = body.server_name or ""
        if len(name) > RULES.server_name_length:
            return (
                "server_name_length",
                f"The name {name} has {len(name)} characters; at most 20 are allowed",
                20,
                len(name),
            )
        known = {server.name for server in body.servers}
        if body.action is AdmissionAction.CREATE and name not in known and len(known) >= RULES.named_servers:
            return "named_servers", f"You have {len(known)} servers; at most 5 are allowed", 5, len(known)
        if body.action is AdmissionAction.START and self.refuse_starts:
            return "launches", "Nothing may be started", None, None
        if body.action is AdmissionAction.SHARE and self.refuse_shares:
            return "sharing", "Your servers may not be shared", None, None
        return None, "Allowed", None, None

    async def _report(self, request: Request) -> None:
        self.reports.append((request.headers["Authorization"].removeprefix("token "), await request.json()))


class Stack:
    """The proxy and the hub as child processes; the hub can be killed and started again, with other settings too."""

    def __init__(
        self,
        *,
        state: Path,
        base_environment: Path | None,
        peers: Peers,
        settings: Mapping[str, str] | None = None,
        hub_address: str = "127.0.0.1",
    ) -> None:
        self.state = state
        self.peers = peers
        self.settings = settings or {}
        self.hub_address = hub_address
        self.public_port, self.hub_port, self.proxy_api_port = find_port(), find_port(), find_port()
        self.url = f"http://127.0.0.1:{self.public_port}"
        self._base_environment = base_environment
        self._hub: subprocess.Popen[bytes] | None = None
        (state / "hub").mkdir(parents=True)

    @contextlib.contextmanager
    def running(self) -> Iterator["Stack"]:
        arguments = [
            "--ip=127.0.0.1",
            f"--port={self.public_port}",
            f"--api-port={self.proxy_api_port}",
            "--api-ip=127.0.0.1",
        ]
        target = f"--default-target=http://{self.hub_address}:{self.hub_port}"
        environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": "proxy-token"}
        with subprocess.Popen(
            [PROXY, *arguments, target, "--log-level=error"], env=environment, stdout=subprocess.DEVNULL
        ) as proxy:
            try:
                wait_for(lambda: self._answers(self.proxy_api_port))
                self.start_hub()
                yield self
            finally:
                self.stop_hub()
                proxy.terminate()

    @property
    def hub_pid(self) -> int:
        assert self._hub
        return self._hub.pid

    def start_hub(self) -> None:
        log = (self.state / "hub.log").open("ab")
        command = [
            sys.executable,
            "-m",
            "jupyterhub",
            "--config",
            str(CHECKOUT / "deploy/jupyterhub/jupyterhub_config.py"),
        ]
        self._hub = subprocess.Popen(command, env=self._environment(), cwd=self.state / "hub", stdout=log, stderr=log)
        log.close()
        wait_for(self._is_ready)

    def kill_hub(self) -> None:
        assert self._hub
        self._hub.kill()
        self._hub.wait()

    def stop_hub(self) -> None:
        if self._hub and self._hub.poll() is None:
            self._hub.send_signal(signal.SIGTERM)
            try:
                self._hub.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill_hub()
                raise

    def api(self, method: str, path: str, *, token: str = ADMIN_TOKEN, json: Any = None) -> httpx.Response:
        headers = {"Authorization": f"token {token}"}
        return httpx.request(method, f"{self.url}/hub/api/{path}", headers=headers, json=json, timeout=30)

    def server(self, user: str, name: str) -> dict[str, Any] | None:
        response = self.api("GET", f"users/{user}/servers/{name}")
        return None if response.status_code == 404 else dict(response.json())

    def start_server(self, user: str, name: str, **options: Any) -> dict[str, Any]:
        path = f"users/{user}/servers/{name}" if name else f"users/{user}/server"
        response = self.api("POST", path, json={"user_options": options or None})
        assert response.status_code in {201, 202}, response.text
        return dict(wait_for(lambda: (model := self.server(user, name)) and model["ready"] and model))

    def stop_server(self, user: str, name: str) -> None:
        self.api("DELETE", f"users/{user}/servers/{name}" if name else f"users/{user}/server").raise_for_status()
        wait_for(lambda: (model := self.server(user, name)) and model["stopped"])

    def delete_server(self, user: str, name: str) -> None:
        self.stop_server(user, name)
        self.api("DELETE", f"users/{user}/servers/{name}", json={"remove": True}).raise_for_status()
        wait_for(lambda: self.server(user, name) is None)

    def add_user(self, name: str) -> str:
        """Add a user and return a token that may do what they may."""
        self.api("POST", "users", json={"usernames": [name]})
        return str(self.api("POST", f"users/{name}/tokens", json={}).json()["token"])

    @contextlib.contextmanager
    def sign_in(self, name: str, password: str = USER_PASSWORD) -> Iterator[httpx.Client]:
        """Sign in as a browser does."""
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=30) as client:
            submit_login(client, name, password).raise_for_status()
            yield client

    def log(self) -> str:
        return (self.state / "hub.log").read_text()

    def _answers(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _is_ready(self) -> bool:
        assert self._hub
        assert self._hub.poll() is None, self.log()
        try:
            return self.api("GET", "user").status_code == 200
        except httpx.HTTPError:
            return False

    def _environment(self) -> dict[str, str]:
        peers = f"http://127.0.0.1:{self.peers.port}/services"
        services = (
            f'[{{"name":"binder","url":"{peers}/binder/","api_token":"{BINDER_TOKEN}"}},'
            f'{{"name":"policy","url":"{peers}/policy/","api_token":"policy-token-of-the-tests"}}]'
        )
        settings = {
            "STATE_DIRECTORY": str(self.state),
            **({"BASE_ENVIRONMENT": str(self._base_environment)} if self._base_environment else {}),
            "PUBLIC_URL": self.url,
            "BIND_URL": self.url,
            "PORT": str(self.hub_port),
            "LISTEN_ADDRESS": self.hub_address,
            "PROXY_API_URL": f"http://127.0.0.1:{self.proxy_api_port}",
            "COOKIE_SECRET_FILE": str(self.state / "hub" / "cookie_secret"),
            "POLICY_URL": f"{peers}/policy/",
            "POLICY_TOKEN": "token-of-the-plugin",
            "GRANT_KEY": GRANT_KEY.get_secret_value(),
            "ACTIVITY_URL": f"{peers}/binder/api/v1/activity",
            "SERVICES": services,
            "USERNAME": "ursa",
            "USER_PASSWORD": USER_PASSWORD,
            "ADMIN_USERNAME": "admin",
            "ADMIN_PASSWORD": "password-of-the-administrator-" + "0" * 10,
            "ADMIN_API_TOKEN": ADMIN_TOKEN,
            "METRICS_TOKEN": METRICS_TOKEN,
        }
        variables = {f"HELIOSTAT_HUB_{name}": value for name, value in {**settings, **self.settings}.items()}
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "CONFIGPROXY_AUTH_TOKEN": "proxy-token",
            **variables,
        }


def submit_login(browser: httpx.Client, name: str, password: str) -> httpx.Response:
    """Fill in the hub's sign-in form."""
    browser.get("/hub/login")
    data = {"username": name, "password": password, "_xsrf": browser.cookies["_xsrf"]}
    return browser.post("/hub/login", data=data)


def make_grant(
    user: str, server_name: str, environment_id: str, *, content_id: str | None = None, image: str | None = None
) -> str:
    """Sign what sessions would sign."""
    grant = Grant(
        user=user,
        server_name=server_name,
        session_id=uuid4(),
        launch_id=UUID(int=1),
        environment_id=environment_id,
        content_id=content_id,
        image=image,
        repo="https://example.org/sun/spots",
        commit="0123456789abcdef0123456789abcdef01234567",
        path="data/a b.csv",
        issued_at=datetime.now(UTC),
    )
    return sign_grant(grant, key=GRANT_KEY)
