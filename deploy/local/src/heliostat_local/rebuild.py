"""`rebuild`: make the services' read models again from the log, while everything runs."""

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta

from .config import LocalConfig
from .errors import NotRunningError
from .instance import find_supervisor
from .layout import StateLayout, read_json
from .postgres import PostgresCluster
from .process_environment import ProcessEnvironments
from .secret_files import SecretFiles
from .steps import run_step

__all__ = ["rebuild"]

DEADLINE = timedelta(minutes=30)


async def rebuild(config: LocalConfig, *, inherited: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Rebuild one service after the other; their writers wait meanwhile.

    Raises
    ------
    LocalError
        Nothing runs here, or a rebuild failed; its read models are then as they were.
    """
    layout = StateLayout(config)
    if find_supervisor(layout) is None:
        raise NotRunningError(state=layout.root)
    secret_files = SecretFiles(layout.secrets)
    environments = ProcessEnvironments(
        config=config,
        layout=layout,
        secret_files=secret_files,
        ports=read_json(layout.ports) or {},
        postgres=PostgresCluster(layout, secret_files),
        inherited=inherited,
    )
    by_service = {
        "builder": environments.build_builder(),
        "sessions": environments.build_sessions(),
        "policy": environments.build_policy(),
    }
    for service, environment in by_service.items():
        await run_step(
            f"Rebuilding the read models of {service}",
            [sys.executable, "-m", f"heliostat_{service}", "rebuild"],
            environment=environment,
            directory=layout.root,
            deadline=DEADLINE,
        )
        say(f"{service}: read models rebuilt from the log")
