"""`heliostat policy` and `heliostat decisions`."""

from typing import Annotated
from uuid import UUID

import typer
from heliostat_core.contracts.policy import PolicyChange

from ..context import Cli
from ..errors import BadArgumentError
from ..render.policy import build_change_lines, build_decision_lines, build_history_lines, build_policy_lines

app = typer.Typer(help="See what you may do; change it, as an administrator.", no_args_is_help=True)


@app.command()
def show(
    context: typer.Context,
    *,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Another user, for administrators.")] = None,
    repository: Annotated[str | None, typer.Option(metavar="URL", help="As for launches of this repository.")] = None,
) -> None:
    """Show what you may, what you use of it and what is left."""
    cli = Cli.of(context)
    with cli.connect() as api:
        policy = api.read_policy(user=user, repository=repository)
    cli.output.show(policy, build_policy_lines(policy))


@app.command()
def put(
    context: typer.Context,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="A policy in YAML, or - for standard input.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it and say what it would change.")] = False,
    comment: Annotated[str, typer.Option(help="Why; kept in the history.")] = "",
) -> None:
    """Put a policy in force. For administrators."""
    cli = Cli.of(context)
    try:
        source = file.read().decode()
    except UnicodeDecodeError:
        raise BadArgumentError("The policy is not UTF-8 text", field="FILE", remedy="Save it as UTF-8.") from None
    # Not validated here: the service does, and answers in the one shape of errors.
    change = PolicyChange.model_construct(source=source, comment=comment, dry_run=dry_run, expected_version=None)
    with cli.connect() as api:
        answer = api.put_policy(change)
    cli.output.show(answer, build_change_lines(answer))


@app.command()
def explain(
    context: typer.Context,
    decision_id: Annotated[UUID, typer.Argument(metavar="DECISION", help="The decision's id, as refusals name it.")],
) -> None:
    """Explain one decision: the verdict, the rule, and every fact it rests on."""
    cli = Cli.of(context)
    with cli.connect() as api:
        decision = api.read_decision(decision_id)
    cli.output.show(decision, build_decision_lines([decision]))


@app.command("list")
def list_policies(context: typer.Context) -> None:
    """List the versions of the policy, newest first. For administrators."""
    cli = Cli.of(context)
    with cli.connect() as api:
        versions = api.list_policies()
    cli.output.show(versions, build_history_lines(versions))


def decisions(
    context: typer.Context,
    *,
    session: Annotated[UUID | None, typer.Option(metavar="ID", help="Only about this session.")] = None,
    server: Annotated[str | None, typer.Option(metavar="NAME", help="Only about servers of this name.")] = None,
) -> None:
    """Show why something was refused, or a server was stopped."""
    cli = Cli.of(context)
    with cli.connect() as api:
        found = api.list_decisions(session_id=session, server_name=server)
    cli.output.show(found, build_decision_lines(found.decisions))
