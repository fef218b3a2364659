"""The three services, wired to one another on one Postgres, and a real Prometheus that scrapes them."""

import hashlib
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jupyterhub.metrics
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI, HTTPException, Request, Response
from heliostat_builder.config import BuilderConfig
from heliostat_builder.main import create_app as create_builder
from heliostat_core.config import CallerConfig
from heliostat_local.config import LocalConfig
from heliostat_local.layout import StateLayout
from heliostat_local.monitoring import write_monitoring
from heliostat_policy.config import PolicyConfig
from heliostat_policy.main import create_app as create_policy
from heliostat_sessions.config import SessionsConfig
from heliostat_sessions.main import create_app as create_sessions
from prometheus_client import REGISTRY, generate_latest

from tests.support.hub import running_hub
from tests.support.monitoring import CHECKOUT, find_program
from tests.support.postgres import Postgres
from tests.support.server import serving

HUB_TOKEN = "metrics-token-of-the-hub"
SERVICE_TOKEN = "token-of-the-caller"
PATHS = {"hub": "/hub/metrics"}


@dataclass(frozen=True)
class Monitored:
    """What was scraped: each job's own text, and the Prometheus that has it."""

    exports: dict[str, str]
    prometheus: httpx.Client

    def ask(self, path: str, **parameters: Any) -> Any:
        """Ask Prometheus and fail with what it says."""
        answer = self.prometheus.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]


@pytest.fixture(scope="module")
def monitored(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """Start everything once for the tests of a file."""
    find_program("prometheus")
    directory = tmp_path_factory.mktemp("monitored")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_services(postgres, directory)) as urls,
        running_prometheus(directory, urls) as client,
    ):
        wait_until_scraped(client, list(urls))
        yield Monitored(exports={job: read_metrics(job, url) for job, url in urls.items()}, prometheus=client)


@asynccontextmanager
async def running_services(postgres: Postgres, directory: Path) -> AsyncIterator[dict[str, str]]:
    """Serve all services and yield their addresses."""
    database = await postgres.create_database()
    digest = hashlib.sha256(SERVICE_TOKEN.encode()).hexdigest()

    def common(service: str, *scopes: str) -> dict[str, Any]:
        caller = CallerConfig(name="caller", token_sha256=digest, scopes=frozenset(scopes))
        return {
            "database_url": postgres.url(database, role=f"heliostat_{service}"),
            "port": 1,
            "hub_api_url": hub.url,
            "hub_api_token": f"token-of-{service}",
            "public_url": "http://127.0.0.1:8000",
            "callers": (caller,),
        }

    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running_hub())
        policy = PolicyConfig(
            **common("policy", "decide"), default_policy=CHECKOUT / "deploy" / "policy" / "default.yaml"
        )
        policy_url = await stack.enter_async_context(serving(create_policy(policy)))
        builder = BuilderConfig(
            **common("builder", "build"),
            policy_url=f"{policy_url}/services/policy/",
            policy_token=SERVICE_TOKEN,
            state_directory=directory,
        )
        builder_url = await stack.enter_async_context(serving(create_builder(builder)))
        sessions = SessionsConfig(
            **common("sessions"),
            builder_url=builder_url,
            builder_token=SERVICE_TOKEN,
            policy_url=policy_url,
            policy_token=SERVICE_TOKEN,
            grant_key="grant-key-of-the-tests",
            cookie_secret="cookie-secret",
            build_token_secret="build-token-secret-of-the-tests-xxxx",
            state_directory=directory,
        )
        sessions_url = await stack.enter_async_context(serving(create_sessions(sessions)))
        hub_url = await stack.enter_async_context(serving(build_hub()))
        yield {"sessions": sessions_url, "builder": builder_url, "policy": policy_url, "hub": hub_url}


def build_hub() -> FastAPI:
    """Build what serves JupyterHub's own metrics, behind a token as the hub does."""
    jupyterhub.metrics.SERVER_SPAWN_DURATION_SECONDS.labels(status="success", reason="").observe(1)
    app = FastAPI()

    @app.get("/hub/metrics")
    async def get_metrics(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {HUB_TOKEN}":
            raise HTTPException(403)
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")

    return app


@contextmanager
def running_prometheus(directory: Path, urls: dict[str, str]) -> Iterator[httpx.Client]:
    """Run Prometheus with what an instance writes for it; only the pauses are shorter."""
    layout = StateLayout(LocalConfig(state_dir=directory))
    (directory / "token").write_text(HUB_TOKEN)
    ports = {job: int(url.rpartition(":")[2]) for job, url in urls.items()}
    write_monitoring(layout, ports=ports, hub_token=directory / "token")
    text = layout.prometheus_config.read_text()
    layout.prometheus_config.write_text(text.replace("_interval: 15s", "_interval: 1s"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    command = [
        find_program("prometheus"),
        f"--config.file={layout.prometheus_config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (directory / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            with httpx.Client(base_url=f"http://{address}", timeout=20, trust_env=False) as client:
                yield client
        finally:
            process.terminate()


def wait_until_scraped(client: httpx.Client, jobs: Sequence[str]) -> None:
    """Wait until all targets were scraped twice and every rule was evaluated."""
    scraped = f'count(count_over_time(up{{job=~"{"|".join(jobs)}"}}[1m]) > 1 and up == 1) == {len(jobs)}'
    deadline = time.monotonic() + 60
    while not (is_true(client, scraped) and are_rules_evaluated(client)):
        assert time.monotonic() < deadline, client.get("/api/v1/targets").text
        time.sleep(0.1)


def is_true(client: httpx.Client, query: str) -> bool:
    try:
        answer = client.get("/api/v1/query", params={"query": query}).json()
    except (httpx.TransportError, json.JSONDecodeError):  # it is starting
        return False
    return bool(answer["status"] == "success" and answer["data"]["result"])


def are_rules_evaluated(client: httpx.Client) -> bool:
    groups = client.get("/api/v1/rules").json()["data"]["groups"]
    return bool(groups) and all(rule["health"] != "unknown" for group in groups for rule in group["rules"])


def read_metrics(job: str, url: str) -> str:
    headers = {"Authorization": f"Bearer {HUB_TOKEN}"}
    return httpx.get(f"{url}{PATHS.get(job, '/metrics')}", headers=headers, trust_env=False).text
