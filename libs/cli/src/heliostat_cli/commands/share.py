"""`heliostat share`: who else may use a server."""

from typing import Annotated

import typer
from heliostat_core.contracts.sessions import ShareRequest

from ..context import Cli
from ..errors import BadArgumentError
from ..render.shares import build_share_table, build_shared_table
from ..render.text import show_server
from .naming import Default, Name, choose_server

app = typer.Typer(help="Let others use a server of yours, and see what they share with you.", no_args_is_help=True)

User = Annotated[str | None, typer.Option(metavar="USER", help="A user.")]
Group = Annotated[str | None, typer.Option(metavar="GROUP", help="A group.")]


@app.command("list")
def list_shares(context: typer.Context, name: Name = None, *, default: Default = False) -> None:
    """List who may use a server; without a server, which ones others share with you."""
    cli = Cli.of(context)
    with cli.connect() as api:
        if name is None and not default:
            shared = api.list_shared()
            cli.output.show(shared, build_shared_table(shared))
            return
        shares = api.list_shares(choose_server(name, default=default))
    cli.output.show(shares, build_share_table(shares))


@app.command()
def add(
    context: typer.Context, name: Name = None, *, default: Default = False, user: User = None, group: Group = None
) -> None:
    """Give a user or a group access to a server of yours."""
    cli = Cli.of(context)
    wanted = choose_server(name, default=default)
    kind, guest = _choose_guest(user, group)
    with cli.connect() as api:
        share = api.create_share(wanted, ShareRequest.model_construct(user=user or None, group=group or None))
    cli.output.show(share, [f"{kind.capitalize()} {guest} may use server {show_server(wanted)}."])


@app.command()
def remove(
    context: typer.Context,
    name: Name = None,
    *,
    default: Default = False,
    user: User = None,
    group: Group = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="All users and groups.")] = False,
) -> None:
    """Take access to a server of yours back."""
    cli = Cli.of(context)
    wanted = choose_server(name, default=default)
    if everybody and (user or group):
        raise BadArgumentError(
            "It is not clear who is meant", field="--everybody", remedy="Give it alone, or name a user or group."
        )
    kind, guest = ("everybody", "") if everybody else _choose_guest(user, group)
    with cli.connect() as api:
        if everybody:
            api.delete_shares(wanted)
        else:
            api.delete_share(wanted, kind=kind, guest=guest)
    whom = "Nobody else" if everybody else f"{kind.capitalize()} {guest} no longer"
    cli.output.show(None, [f"{whom} may use server {show_server(wanted)}."])


def _choose_guest(user: str | None, group: str | None) -> tuple[str, str]:
    if user and not group:
        return "user", user
    if group and not user:
        return "group", group
    raise BadArgumentError("It is not clear who is meant", field="--user", remedy="Give --user or --group.")
