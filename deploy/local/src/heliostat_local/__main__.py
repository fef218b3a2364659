"""`python -m heliostat_local up|down|status|logs|rebuild`: what the Makefile's targets run."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from .config import LocalConfig
from .detach import up_detached
from .down import down as stop_everything
from .errors import LocalError, NotRunningError
from .instance import find_supervisor
from .layout import StateLayout
from .logs import follow, read_all
from .rebuild import rebuild as rebuild_read_models
from .status import InstanceStatus, read_status, render_table
from .up import up as start_everything

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@cli.command()
def up(*, detach: Annotated[bool, typer.Option("--detach", help="return when everything is ready")] = False) -> None:
    """Start everything; stay in the foreground until Ctrl-C."""
    start = up_detached if detach else start_everything
    _run(start(_read_config(), inherited=os.environ, say=_say))


@cli.command()
def down() -> None:
    """Stop what `up` started."""
    _run(stop_everything(_read_config(), say=_say))


@cli.command()
def status(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Show each component; exit with 1 unless all are ready."""
    layout = StateLayout(_read_config())
    found = read_status(layout.status) if find_supervisor(layout) else None
    if found is None:
        _fail(NotRunningError(state=layout.root))
    _say(found.model_dump_json(indent=2) if as_json else _render(found))
    if not found.ready:
        raise typer.Exit(1)


@cli.command()
def rebuild() -> None:
    """Make the services' read models again from the log."""
    _run(rebuild_read_models(_read_config(), inherited=os.environ, say=_say))


@cli.command()
def logs(
    components: Annotated[list[str] | None, typer.Argument(help="all, when none is named")] = None,
    *,
    lines: Annotated[int, typer.Option(min=0, help="how many old lines of each to begin with")] = 20,
    once: Annotated[bool, typer.Option("--once", help="do not wait for new lines")] = False,
) -> None:
    """Follow the components' logs, each line with its component's name."""
    layout = StateLayout(_read_config())
    if once:
        for name, line in read_all(layout.logs, components or [], lines=lines):
            _say(f"{name:>10} | {line}")
        return
    with suppress(KeyboardInterrupt):
        asyncio.run(_follow(layout, components or [], lines=lines))


async def _follow(layout: StateLayout, components: list[str], *, lines: int) -> None:
    async for name, line in follow(layout.logs, components, lines=lines):
        _say(f"{name:>10} | {line}")


def _render(found: InstanceStatus) -> str:
    return f"{found.url}  {found.phase.value}\n{render_table(found, now=datetime.now(UTC))}"


def _read_config() -> LocalConfig:
    try:
        return LocalConfig()
    except ValidationError as e:
        problems = "; ".join(f"HELIOSTAT_{str(p['loc'][0]).upper()}: {p['msg']}" for p in e.errors())
        _fail(LocalError(f"The configuration is not valid. {problems}"))


def _run(work: Coroutine[object, object, None]) -> None:
    try:
        asyncio.run(work)
    except LocalError as e:
        _fail(e)


def _say(message: str) -> None:
    sys.stdout.write(f"{message}\n")
    sys.stdout.flush()


def _fail(error: LocalError) -> NoReturn:
    sys.stderr.write(f"heliostat: {error}\n")
    raise typer.Exit(1)


if __name__ == "__main__":
    cli()
