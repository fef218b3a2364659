"""docker-compose.yml, and that what `prepare.py` writes is what each part's settings ask for; no engine is needed."""

import importlib.util
import json
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from heliostat_builder.config import BuilderConfig
from heliostat_core.config import SECRETS_DIRECTORY
from heliostat_core.migrate import MigrateConfig
from heliostat_hub import HubConfig
from heliostat_hub.sign_in import SharedPasswordConfig
from heliostat_local import process_environment
from heliostat_policy.config import PolicyConfig
from heliostat_sessions.config import SessionsConfig
from pydantic_settings import BaseSettings

CHECKOUT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
BUILT = sorted(path.parent.name for path in (CHECKOUT / "deploy" / "images").glob("*/Dockerfile"))
IMAGES = [f"heliostat/{name}:1" for name in BUILT]
SERVICES = sorted(COMPOSE["services"])


def load_prepare() -> Any:
    path = CHECKOUT / "deploy" / "compose" / "prepare.py"
    spec = importlib.util.spec_from_file_location("prepare", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def engine_socket(tmp_path: Path) -> Iterator[Path]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        yield tmp_path / "docker.sock"


@pytest.fixture
def prepare(tmp_path: Path, engine_socket: Path) -> Any:
    """Run `prepare.py` with an environment and return its directory."""
    given = {"HELIOSTAT_COMPOSE_DIRECTORY": str(tmp_path / "state"), "DOCKER_HOST": f"unix://{engine_socket}"}

    def run(**environment: str) -> Path:
        load_prepare().main(IMAGES, given | environment)
        return tmp_path / "state"

    return run


def read_variables(state: Path) -> dict[str, str]:
    lines = (state / "environment").read_text().splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["pull_policy"] == "never"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert "privileged" not in service
    assert ("cap_add" in service) == ("network_mode" in service) == (name == "firewall")


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_every_service_that_stays_has_a_health_check_and_comes_back(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


def test_only_the_hub_and_the_builder_get_the_engine() -> None:
    mounted = {name for name, service in COMPOSE["services"].items() if "SOCKET" in json.dumps(service)}
    assert mounted == {"hub", "builder"}


def test_only_the_proxy_is_published() -> None:
    ports = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert ports == {"proxy": ["${HELIOSTAT_HOST:-127.0.0.1}:${HELIOSTAT_PORT:-8000}:8000"]}


def test_servers_share_a_network_with_the_hub_and_the_proxy_only() -> None:
    networks = {name: set(service.get("networks", ())) for name, service in COMPOSE["services"].items()}
    assert {name for name, joined in networks.items() if "servers" in joined} == {"hub", "proxy"}
    assert {name for name, joined in networks.items() if "database" in joined} == {
        "postgres",
        "migrate",
        "builder",
        "sessions",
        "policy",
    }
    assert COMPOSE["networks"]["database"] == {"internal": True}


@pytest.mark.parametrize("name", BUILT)
def test_images_are_made_from_a_base_that_is_given_and_do_not_run_as_root(name: str) -> None:
    lines = (CHECKOUT / "deploy" / "images" / name / "Dockerfile").read_text().splitlines()
    assert any(line.startswith("ARG BASE_IMAGE=debian:12") for line in lines)
    assert not any(line.startswith("# syntax") for line in lines)
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert (users[-1:] or ["none"])[0] == {"firewall": "none", "lab": "1000:1000"}.get(name, "10001:10001")


def test_what_is_written_makes_the_settings_of_every_part(prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state = prepare()
    variables = read_variables(state)
    configs: dict[str, list[type[BaseSettings]]] = {
        "builder": [BuilderConfig],
        "hub": [HubConfig, SharedPasswordConfig],
        "migrate": [MigrateConfig],
        "policy": [PolicyConfig],
        "sessions": [SessionsConfig],
    }
    for service, classes in configs.items():
        with monkeypatch.context() as patch:
            for name, value in COMPOSE["services"][service]["environment"].items():
                for variable, known in variables.items():
                    value = value.replace(f"${{{variable}}}", known)  # noqa: PLW2901
                patch.setenv(name, value)
            patch.setenv("HELIOSTAT_POLICY_DEFAULT_POLICY", "/etc/heliostat/policy.yaml")  # the image's own
            patch.setenv(SECRETS_DIRECTORY, str(state / "secrets" / service))
            for config in classes:
                config()


def test_keys_are_private_and_stay_and_everything_else_is_closed_to_others(prepare: Any) -> None:
    state = prepare()
    keys = {path.name: path.read_text() for path in (state / "keys").iterdir()}
    prepare(HELIOSTAT_PORT="8001")

    assert {path.name: path.read_text() for path in (state / "keys").iterdir()} == keys
    assert {stat.S_IMODE(path.stat().st_mode) for path in (state / "keys").iterdir()} == {0o600}
    closed = [state, state / "keys", state / "own", state / "secrets"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in closed} == {0o700}
    assert read_variables(state)["HELIOSTAT_PUBLIC_URL"] == "http://127.0.0.1:8001"


def test_a_setting_reaches_its_service_as_a_file_and_changes_what_compose_compares(prepare: Any) -> None:
    before = read_variables(prepare())
    state = prepare(HELIOSTAT_SESSIONS_ANONYMOUS_LAUNCHES="true", HELIOSTAT_SESSIONS_GRANT_KEY="mine")
    after = read_variables(state)

    secrets = state / "secrets" / "sessions"
    assert (secrets / "heliostat_sessions_anonymous_launches").read_text() == "true"
    assert (secrets / "heliostat_sessions_grant_key").read_text() != "mine"
    assert before["HELIOSTAT_SETTINGS_SESSIONS"] != after["HELIOSTAT_SETTINGS_SESSIONS"]
    assert before["HELIOSTAT_SETTINGS_BUILDER"] == after["HELIOSTAT_SETTINGS_BUILDER"]
    prepare()
    assert not (secrets / "heliostat_sessions_anonymous_launches").exists()


def test_who_may_call_whom_is_what_it_is_elsewhere() -> None:
    prepare = load_prepare()
    assert (prepare.CALLERS, prepare.SERVICES) == (process_environment.CALLERS, process_environment.HUB_SERVICE_NAMES)


def test_where_people_sign_in_with_their_accounts_no_password_is_told(prepare: Any) -> None:
    told = json.loads((prepare(HELIOSTAT_HUB_SIGN_IN="ldap") / "credentials.json").read_text())
    assert set(told) == {"url", "admin_username", "api_token"}


def test_anonymous_launches_are_switched_on_at_the_hub_too(prepare: Any) -> None:
    state = prepare(HELIOSTAT_SESSIONS_ANONYMOUS_LAUNCHES="true")
    assert (state / "secrets" / "hub" / "heliostat_hub_anonymous_launches").read_text() == "true"


def test_no_secret_is_in_the_variables_of_compose(prepare: Any) -> None:
    state = prepare()
    variables = (state / "environment").read_text()
    assert not [path.name for path in (state / "keys").iterdir() if path.read_text() in variables]


def test_own_files_of_a_service_stand_beside_its_settings(prepare: Any) -> None:
    state = prepare()
    (state / "own" / "hub").mkdir()
    (state / "own" / "hub" / "oidc_secret").write_text("from the provider")

    prepare()

    assert (state / "secrets" / "hub" / "oidc_secret").read_text() == "from the provider"


def test_a_registry_of_our_own_is_where_the_builder_keeps_images(prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state = prepare(HELIOSTAT_REGISTRY="true")
    variables = read_variables(state)
    secrets = {path.name: path.read_text() for path in (state / "secrets" / "builder").iterdir()}

    assert variables["COMPOSE_PROFILES"] == "registry"
    assert secrets["heliostat_builder_registry_url"] == f"http://{variables['HELIOSTAT_REGISTRY_ADDRESS']}:5000"
    password = (state / "secrets" / "registry" / "registry_password").read_text()
    assert secrets["heliostat_builder_registry_password"] == password


@pytest.mark.parametrize("network", ["10.0.0.0/30", "fd00::/64", "10.0.0.1/24"])
def test_a_network_for_servers_that_cannot_be_is_refused(prepare: Any, network: str) -> None:
    with pytest.raises(SystemExit, match="HELIOSTAT_SERVERS_NETWORK"):
        prepare(HELIOSTAT_SERVERS_NETWORK=network)


def test_without_an_engine_it_is_said(prepare: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no container engine"):
        prepare(DOCKER_HOST=f"unix://{tmp_path / 'nothing.sock'}")


def test_compose_itself_takes_it(prepare: Any) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        pytest.skip("docker with its compose plugin is not here")
    state = prepare()
    command = ["docker", "compose", "--file", str(CHECKOUT / "docker-compose.yml")]
    command += ["--env-file", str(state / "environment"), "--profile", "*", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
