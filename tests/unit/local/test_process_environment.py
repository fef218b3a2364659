import hashlib
import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from heliostat_builder.config import BuilderConfig
from heliostat_hub.config import HubConfig
from heliostat_local.config import LocalConfig
from heliostat_local.engine import EngineReady
from heliostat_local.layout import StateLayout
from heliostat_local.ports import INNER_SERVICES
from heliostat_local.postgres import PostgresCluster
from heliostat_local.process_environment import ProcessEnvironments
from heliostat_local.secret_files import SecretFiles
from heliostat_policy.config import PolicyConfig
from heliostat_sessions.config import SessionsConfig


def make_environments(tmp_path: Path, engine: EngineReady | None = None, **inherited: str) -> ProcessEnvironments:
    config = LocalConfig(state_dir=tmp_path / "state", runtime="docker" if engine else "process")
    layout = StateLayout(config)
    layout.create()
    secret_files = SecretFiles(layout.secrets)
    return ProcessEnvironments(
        config=config,
        layout=layout,
        secret_files=secret_files,
        ports={name: 20000 + number for number, name in enumerate(INNER_SERVICES)},
        postgres=PostgresCluster(layout, secret_files),
        inherited={"PATH": "/usr/bin", **inherited},
        engine=engine,
    )


def use(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_every_service_understands_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environments = make_environments(tmp_path)
    for environment in (environments.build_builder(), environments.build_sessions(), environments.build_policy()):
        use(monkeypatch, environment)
    use(monkeypatch, environments.build_hub(base_environment=tmp_path))

    services = [BuilderConfig(), SessionsConfig(), PolicyConfig()]

    assert {service.hub_api for service in services} == {environments.hub_api_url}
    assert {service.name for service in HubConfig().services} == {"binder", "builder", "policy"}


def test_in_the_docker_runtime_the_hub_alone_is_where_servers_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = EngineReady(network="heliostat-x", gateway=IPv4Address("172.30.0.1"), image="heliostat/lab:dev")
    environments = make_environments(tmp_path, engine=ready)
    for environment in (environments.build_builder(), environments.build_sessions()):
        use(monkeypatch, environment)
    use(monkeypatch, environments.build_hub(base_environment=tmp_path))

    hub, sessions, builder = HubConfig(), SessionsConfig(), BuilderConfig()

    assert (hub.runtime, sessions.runtime, builder.runtime) == ("docker", "docker", "docker")
    assert hub.listen_address == ready.gateway
    assert sessions.hub_api == environments.hub_api_url == f"{hub.hub_url}/hub/api"
    assert sessions.host != ready.gateway
    assert (hub.default_image, builder.base_image) == (ready.image, ready.image)


def test_a_callee_knows_the_digest_of_each_callers_own_token(tmp_path: Path) -> None:
    environments = make_environments(tmp_path)
    tokens = {
        "builder": environments.build_builder()["HELIOSTAT_BUILDER_POLICY_TOKEN"],
        "hub": environments.build_hub(base_environment=tmp_path)["HELIOSTAT_HUB_POLICY_TOKEN"],
        "sessions": environments.build_sessions()["HELIOSTAT_SESSIONS_POLICY_TOKEN"],
    }

    callers = json.loads(environments.build_policy()["HELIOSTAT_POLICY_CALLERS"])

    assert len(set(tokens.values())) == 3
    assert {c["name"]: c["token_sha256"] for c in callers} == {
        name: hashlib.sha256(token.encode()).hexdigest() for name, token in tokens.items()
    }


def test_an_operator_sets_what_the_supervisor_does_not_know_better(tmp_path: Path) -> None:
    environment = make_environments(
        tmp_path,
        HELIOSTAT_BUILDER_PARALLEL_BUILDS="7",
        HELIOSTAT_BUILDER_ALLOWED_PRIVATE_NETWORKS="[]",
        HELIOSTAT_BUILDER_PORT="1",
        HELIOSTAT_SESSIONS_GRANT_KEY="not for the builder",
    ).build_builder()

    assert environment["HELIOSTAT_BUILDER_PARALLEL_BUILDS"] == "7"
    assert environment["HELIOSTAT_BUILDER_ALLOWED_PRIVATE_NETWORKS"] == "[]"
    assert environment["HELIOSTAT_BUILDER_PORT"] != "1"
    assert "HELIOSTAT_SESSIONS_GRANT_KEY" not in environment


def test_secrets_of_one_service_do_not_reach_another(tmp_path: Path) -> None:
    environments = make_environments(tmp_path)

    assert environments.build_sessions()["HELIOSTAT_SESSIONS_GRANT_KEY"] not in environments.build_builder().values()
    assert not any("GRANT" in name for name in environments.build_policy())
