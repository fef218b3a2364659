# ruff: noqa: INP001 -- a script that needs nothing but Python, so that `make compose-up` installs nothing
"""Write what docker-compose.yml reads: secrets, settings and the variables of the file itself.

``prepare.py [IMAGE...]`` takes the images to run, as ``deploy/images/build`` prints them. Everything is below
``HELIOSTAT_COMPOSE_DIRECTORY`` (``.heliostat/compose``), which only its owner can enter:

``keys/``          every secret, made once and kept; mode 0600
``own/<service>/`` files of the operator, for that service
``secrets/<service>/``
                   what the service's containers see in /run/heliostat, made anew each time: one file per setting, named
                   like its variable. Readable for all, because the user inside a container is another one than the
                   owner of the files; ``secrets`` itself is closed to everybody else on the host.
``environment``    the variables of docker-compose.yml, for ``docker compose --env-file``
``credentials.json`` the address and how to sign in

``CA_BUNDLE`` names a PEM file that the builder, its builds and the hub trust instead of the images' certificates.
Variables with a service's prefix (``HELIOSTAT_BUILDER_``, ``HELIOSTAT_HUB_``, …) reach that service as such a file, so
no value of theirs is in what the engine tells about a container.
"""

import fcntl
import hashlib
import json
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICES = {"sessions": "binder", "builder": "builder", "policy": "policy"}
"""Our services and their names in the hub."""
PORTS = {"sessions": 9001, "builder": 9002, "policy": 9003}
CALLERS: dict[str, dict[str, list[str]]] = {
    "builder": {"sessions": ["build"]},
    "policy": {"sessions": ["decide"], "builder": ["decide"], "hub": ["decide"]},
    "sessions": {},
}
ROLES = ("heliostat", "heliostat_builder", "heliostat_sessions", "heliostat_policy")
SIZES = {"user_password": 8, "admin_password": 16}  # bytes; the hub insists on 32 digits for administrators
KEY_SIZE = 32  # bytes
CERTIFICATES = "/run/heliostat/certificates.pem"
SMALLEST_NETWORK = 28  # bits of its prefix


class Keys:
    """Secrets by name, in hexadecimal digits; one that does not exist yet is made."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __getitem__(self, name: str) -> str:
        """Return a secret."""
        path = self._directory / name
        try:
            return path.read_text()
        except FileNotFoundError:
            value = secrets.token_hex(SIZES.get(name, KEY_SIZE))
        write(path, value, mode=0o600)
        return value

    def token(self, caller: str, callee: str) -> str:
        """Return the token of a pair of services."""
        return self[f"token_{caller}_to_{callee}"]


def main(images: list[str], environment: Mapping[str, str]) -> None:
    """Make the directory and write everything, one process at a time."""
    root = Path(environment.get("HELIOSTAT_COMPOSE_DIRECTORY") or CHECKOUT / ".heliostat" / "compose").resolve()
    for directory in (root, root / "keys", root / "own", root / "secrets"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would make two of each secret
        write_all(root, images, environment)


def write_all(root: Path, images: list[str], environment: Mapping[str, str]) -> None:
    """Write everything below the directory, which exists."""
    keys = Keys(root / "keys")
    files = build_files(keys, environment)
    variables = build_variables(root, images, environment)
    for service, given in files.items():
        digest = write_secrets(root / "secrets" / service, given, own=root / "own" / service)
        variables[f"HELIOSTAT_SETTINGS_{service.upper()}"] = digest
    lines = [f"{name}={quote(value)}\n" for name, value in variables.items()]
    write(root / "environment", "".join(lines), mode=0o600)
    passwords = environment.get("HELIOSTAT_HUB_SIGN_IN", "local") == "local"
    credentials = build_credentials(keys, variables, passwords=passwords)
    write(root / "credentials.json", json.dumps(credentials, indent=2) + "\n", mode=0o600)


def build_files(keys: Keys, environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Build each service's files by name; what only we can know wins over what the operator set."""
    common = {
        service: {
            "database_url": database_url(keys, f"heliostat_{service}"),
            "hub_api_token": keys[f"hub_token_{service}"],
            "callers": json.dumps([describe_caller(keys, caller, service) for caller in CALLERS[service]]),
        }
        for service in SERVICES
    }
    settings: dict[str, dict[str, str]] = {
        "builder": {**common["builder"], "policy_token": keys.token("builder", "policy")},
        "policy": common["policy"],
        "sessions": {
            **common["sessions"],
            "builder_token": keys.token("sessions", "builder"),
            "policy_token": keys.token("sessions", "policy"),
            "grant_key": keys["grant_key"],
            "cookie_secret": keys["sessions_cookie_secret"],
            "build_token_secret": keys["sessions_build_token_secret"],
        },
        "hub": {
            "admin_api_token": keys["admin_api_token"],
            "admin_password": keys["admin_password"],
            "grant_key": keys["grant_key"],
            "metrics_token": keys["hub_metrics_token"],
            "policy_token": keys.token("hub", "policy"),
            "proxy_auth_token": keys["proxy_auth_token"],
            "services": json.dumps([describe_service(keys, service) for service in SERVICES]),
            "user_password": keys["user_password"],
        },
        "migrate": {"database_url": database_url(keys, "heliostat")},
    }
    files = {
        service: {
            **{name.lower(): value for name, value in environment.items() if name.startswith(prefix(service))},
            **{f"{prefix(service)}{name}".lower(): value for name, value in own.items()},
        }
        for service, own in settings.items()
    }
    if uses_registry(environment):
        files["builder"] |= {
            "heliostat_builder_image_store": "registry",
            "heliostat_builder_registry_url": f"http://{build_addresses(environment)['HELIOSTAT_REGISTRY_ADDRESS']}:5000",
            "heliostat_builder_registry_user": "heliostat",
            "heliostat_builder_registry_password": keys["registry_password"],
        }
    if "CA_BUNDLE" in environment:
        given = json.loads(files["builder"].get("heliostat_builder_build_environment", "{}"))
        files["builder"]["heliostat_builder_build_environment"] = json.dumps({"SSL_CERT_FILE": CERTIFICATES, **given})
        for service in ("builder", "hub"):
            files[service]["certificates.pem"] = Path(environment["CA_BUNDLE"]).read_text()
    anonymous = environment.get("HELIOSTAT_SESSIONS_ANONYMOUS_LAUNCHES", "false")
    files["hub"].setdefault("heliostat_hub_anonymous_launches", anonymous)
    files["hub"]["auth_state_key"] = keys["hub_auth_state_key"]
    files["postgres"] = {f"database_{role}": keys[f"database_{role}"] for role in ROLES}
    files["prometheus"] = {"hub_metrics_token": keys["hub_metrics_token"]}
    files["registry"] = {"registry_password": keys["registry_password"]}
    files["proxy"] = {"proxy_auth_token": keys["proxy_auth_token"]}
    return files


def build_variables(root: Path, images: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Build the variables of docker-compose.yml."""
    host = environment.get("HELIOSTAT_HOST", "127.0.0.1")
    port = environment.get("HELIOSTAT_PORT", "8000")
    socket = environment.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock"
    project = environment.get("COMPOSE_PROJECT_NAME", "heliostat")
    instance = hashlib.sha256(project.encode()).hexdigest()[:8]
    return {
        "COMPOSE_PROJECT_NAME": project,
        "COMPOSE_PROFILES": "registry" if uses_registry(environment) else "",
        "HELIOSTAT_COMPOSE_DIRECTORY": str(root),
        "HELIOSTAT_HOST": host,
        "HELIOSTAT_PORT": port,
        "HELIOSTAT_INSTANCE": instance,
        "HELIOSTAT_BRIDGE": f"hst-{instance}",
        **build_addresses(environment),
        "HELIOSTAT_PUBLIC_URL": environment.get("HELIOSTAT_PUBLIC_URL", f"http://{host}:{port}"),
        "HELIOSTAT_CERTIFICATES": CERTIFICATES if "CA_BUNDLE" in environment else "/etc/ssl/certs/ca-certificates.crt",
        "HELIOSTAT_SOCKET": socket,
        "HELIOSTAT_SOCKET_GROUP": str(read_group(Path(socket))),
        **{f"HELIOSTAT_IMAGE_{image.partition('/')[2].partition(':')[0].upper()}": image for image in images},
    }


def build_addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """Build the networks, with fixed addresses for who is in a rule or in the name of an image."""
    control = read_network(environment, "HELIOSTAT_CONTROL_NETWORK", "10.213.171.0/24")
    servers = read_network(environment, "HELIOSTAT_SERVERS_NETWORK", "10.213.176.0/21")
    fixed, rest = servers.subnets(prefixlen_diff=1)
    reserved, found = control.subnets(prefixlen_diff=1)
    return {
        "HELIOSTAT_CONTROL_NETWORK": str(control),
        "HELIOSTAT_CONTROL_RANGE": str(found),
        "HELIOSTAT_CONTROL_GATEWAY": str(reserved[1]),
        "HELIOSTAT_REGISTRY_ADDRESS": str(reserved[2]),
        "HELIOSTAT_SERVERS_NETWORK": str(servers),
        "HELIOSTAT_SERVERS_RANGE": str(rest),
        "HELIOSTAT_SERVERS_GATEWAY": str(fixed[1]),
        "HELIOSTAT_HUB_ADDRESS": str(fixed[2]),
        "HELIOSTAT_PROXY_ADDRESS": str(fixed[3]),
    }


def read_network(environment: Mapping[str, str], name: str, default: str) -> IPv4Network:
    """Read a network in which there is room for fixed addresses in one half and for all others in the other."""
    try:
        network = IPv4Network(environment.get(name, default))
    except ValueError as e:
        sys.exit(f"heliostat: {name} is no IPv4 network: {e}")
    if network.prefixlen > SMALLEST_NETWORK:
        sys.exit(f"heliostat: {name} must be a network of at least /{SMALLEST_NETWORK}")
    return network


def uses_registry(environment: Mapping[str, str]) -> bool:
    """Whether images are kept in a registry of our own."""
    return environment.get("HELIOSTAT_REGISTRY", "false") == "true"


def build_credentials(keys: Keys, variables: Mapping[str, str], *, passwords: bool) -> dict[str, str]:
    """Build what scripts need, and people where they sign in with passwords made here."""
    credentials = {
        "url": variables["HELIOSTAT_PUBLIC_URL"],
        "admin_username": "admin",
        "api_token": keys["admin_api_token"],
    }
    if passwords:
        credentials |= {
            "username": "user",
            "password": keys["user_password"],
            "admin_password": keys["admin_password"],
        }
    return credentials


def database_url(keys: Keys, role: str) -> str:
    """Build the SQLAlchemy URL of a role."""
    return f"postgresql+asyncpg://{role}:{keys[f'database_{role}']}@postgres/heliostat"


def describe_caller(keys: Keys, caller: str, callee: str) -> dict[str, object]:
    """Describe who may call a service, by the hash of their token."""
    token = hashlib.sha256(keys.token(caller, callee).encode()).hexdigest()
    return {"name": caller, "token_sha256": token, "scopes": CALLERS[callee][caller]}


def describe_service(keys: Keys, service: str) -> dict[str, str]:
    """Describe a service to the hub."""
    url = f"http://{service}:{PORTS[service]}"
    return {"name": SERVICES[service], "url": url, "api_token": keys[f"hub_token_{service}"]}


def prefix(service: str) -> str:
    """Return how the variables of a service begin."""
    return f"HELIOSTAT_{service.upper()}_"


def read_group(socket: Path) -> int:
    """Return the group that may use the engine; exit with a sentence where there is no socket."""
    try:
        found = socket.stat()
    except OSError as e:
        sys.exit(f"heliostat: there is no container engine at {socket} ({e.strerror}): start one, or set DOCKER_HOST")
    if not stat.S_ISSOCK(found.st_mode):
        sys.exit(f"heliostat: {socket} is no socket; DOCKER_HOST must be a unix:// address of this host")
    return found.st_gid


def write_secrets(directory: Path, files: Mapping[str, str], *, own: Path) -> str:
    """Make a service's files, and nothing else, and return what changes when they do."""
    given = {path.name: path.read_bytes() for path in sorted(own.glob("*")) if path.is_file()}
    given |= {name: value.encode() for name, value in files.items()}
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)
    digest = hashlib.sha256()
    for name, content in sorted(given.items()):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
        write(directory / name, content, mode=0o444)
    for path in directory.iterdir():
        if path.name not in given:
            path.unlink()
    return digest.hexdigest()[:16]


def write(path: Path, content: str | bytes, *, mode: int) -> None:
    """Replace a file in one step."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        os.fchmod(file.fileno(), mode)
    staged.rename(path)


def quote(value: str) -> str:
    """Quote a value of an environment file, which has no way to write a single quote or the end of a line."""
    if {"'", "\n"} & set(value):
        sys.exit(f"heliostat: {value!r} cannot be used: it has a quote or the end of a line in it")
    return f"'{value}'"


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
