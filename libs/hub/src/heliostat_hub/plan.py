"""What a server is started with, as pure functions of the grant, the rules and the hub's variables."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from heliostat_core.contracts.model import Enforcement as EnforcementView
from heliostat_core.contracts.policy import Rules
from heliostat_core.grants import Grant
from heliostat_core.units import format_size
from heliostat_runtime import Enforcement, Limits

SERVER_MODULE = "heliostat_singleuser"
SIGN_IN_CACHE = 30  # seconds; so soon a guest whose access was taken back, or who signed out, is shut out
PROCESS_LIMIT = 4096  # processes and threads; JupyterLab with ten kernels has some 300, a fork bomb ends here


def build_command(base_environment: Path, *, origins: Sequence[str] = ()) -> tuple[str, ...]:
    """Build the server's command.

    The interpreter is isolated (``-I``): the home is the working directory, and a repository with a ``json.py`` must
    not break JupyterLab. Kernels are those of the repository's environment, never the server's own. They are spoken to
    through sockets in the server's own runtime directory: on loopback, which all servers share, anybody can subscribe
    to a kernel's code and outputs without a key.

    Parameters
    ----------
    origins
        Whose pages may use the server with a token; the pattern ends with them, jupyter_server anchors its beginning.
    """
    return (
        str(base_environment / "bin" / "python"),
        "-I",
        "-m",
        SERVER_MODULE,
        "--KernelSpecManager.ensure_native_kernel=False",
        *build_options(origins=origins),
    )


def build_options(*, origins: Sequence[str] = ()) -> tuple[str, ...]:
    """Build the options of JupyterHub's single-user server, whoever's it is; see `build_command`."""
    pattern = "|".join(map(re.escape, origins))
    return (
        "--KernelManager.transport=ipc",
        f"--HubOAuth.cache_max_age={SIGN_IN_CACHE}",
        *([f"--ServerApp.allow_origin_pat=(?:{pattern})$"] if origins else []),
    )


def build_default_url(path: str | None) -> str:
    """Build the page a server opens with; a path is relative to the home and may hold any character."""
    target = (path or "").strip("/")
    return f"/lab/tree/{quote(target)}" if target else "/lab"


def build_limits(rules: Rules) -> Limits:
    """Build the limits of a server's processes."""
    return Limits(cpu=rules.cpu, memory=rules.memory, pids=PROCESS_LIMIT)


def build_binder_variables(grant: Grant, *, public_url: str) -> dict[str, str]:
    """Build the variables by which code in a server knows where it came from, as BinderHub has them.

    Both requests name the commit, which stays the same when the server is started again.
    """
    request = f"v2/{grant.spec}" if grant.spec else None
    variables = {
        "BINDER_REPO_URL": grant.repo,
        "BINDER_REF_URL": grant.ref_url,
        "BINDER_LAUNCH_HOST": f"{public_url.rstrip('/')}/services/binder/",
        "BINDER_REQUEST": request,
        "BINDER_PERSISTENT_REQUEST": request,
    }
    return {name: value for name, value in variables.items() if value is not None}


def build_variables(
    hub_variables: Mapping[str, str | None], *, activity_url: str, temporary: bool = False
) -> dict[str, str]:
    """Build the variables added to a server's environment: the hub's own, and where to report activity.

    The server of a temporary user, who cannot sign in, also takes a token from a URL.
    """
    variables = {name: value for name, value in hub_variables.items() if value is not None}
    by_url = {"JUPYTERHUB_ALLOW_TOKEN_IN_URL": "1"} if temporary else {}
    return {**variables, **by_url, "HELIOSTAT_ACTIVITY_URL": activity_url}


def describe_admission(rules: Rules, *, policy_version: int) -> str:
    """Say what a server was admitted with."""
    memory, storage = format_size(rules.memory), format_size(rules.storage)
    return f"Admitted by policy version {policy_version}: {rules.cpu:g} CPU, {memory} RAM, {storage} storage"


def describe_unenforced(enforcement: Sequence[Enforcement | EnforcementView]) -> list[str]:
    """Say which limits this host does not enforce, and why."""
    return [
        f"Not enforced here: {found.resource}. {found.reason or ''}".strip()
        for found in enforcement
        if not found.enforced
    ]


def describe_origin(grant: Grant | None) -> str | None:
    """Say where a server came from, in one line."""
    return None if grant is None else f"{grant.repo} @ {grant.commit[:12]}"
