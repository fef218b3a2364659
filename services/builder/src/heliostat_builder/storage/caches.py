"""What was learnt about repositories: the commit of a ref for a moment, the meaning of a commit's files for ever."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from heliostat_core.contracts.model import ErrorView
from heliostat_core.schema import plans, resolutions
from pydantic import TypeAdapter
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.plans import FilesPlan
from ..domain.providers import Repository, Revision
from ..domain.refs import Commit

_plan = TypeAdapter(FilesPlan)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a ref was when it was last asked for."""

    commit: Commit
    etag: str | None
    resolved_at: datetime


class ResolutionStorage:
    """Keeps `resolutions`."""

    async def read(self, connection: AsyncConnection, repository: Repository, ref: str) -> Resolution | None:
        """Read what is remembered of a ref."""
        table = resolutions.c
        statement = select(table.commit, table.etag, table.resolved_at).where(
            table.provider == repository.provider, table.repo == repository.url, table.ref == ref
        )
        row = (await connection.execute(statement)).one_or_none()
        return row and Resolution(commit=Commit(row.commit), etag=row.etag, resolved_at=row.resolved_at)

    async def write(
        self, connection: AsyncConnection, repository: Repository, ref: str, *, commit: Commit, etag: str | None
    ) -> None:
        """Remember a ref as it is now."""
        key = {"provider": repository.provider, "repo": repository.url, "ref": ref}
        values = {"commit": commit, "etag": etag, "resolved_at": func.now()}
        statement = insert(resolutions).values(**key, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


class PlanStorage:
    """Keeps `plans`: what a commit's files say, or why they are refused, under the circumstances it was decided in."""

    async def read(self, connection: AsyncConnection, revision: Revision, *, key: str) -> FilesPlan | ErrorView | None:
        """Read what was decided about a commit."""
        statement = select(plans.c.plan).where(
            plans.c.repo == revision.repository, plans.c.commit == revision.commit, plans.c.recipe == key
        )
        document = (await connection.execute(statement)).scalar_one_or_none()
        return None if document is None else _read(document)

    async def list_others(self, connection: AsyncConnection, revision: Revision, *, key: str) -> list[FilesPlan]:
        """List what was decided about a commit under other circumstances: older recipes, other interpreters."""
        statement = select(plans.c.plan).where(
            plans.c.repo == revision.repository, plans.c.commit == revision.commit, plans.c.recipe != key
        )
        read = [_read(document) for document in await connection.scalars(statement)]
        return [plan for plan in read if isinstance(plan, FilesPlan)]

    async def write(
        self, connection: AsyncConnection, revision: Revision, *, key: str, plan: FilesPlan | ErrorView
    ) -> None:
        """Remember what was decided; another process may have been first, with the same outcome."""
        document = (
            {"refusal": plan.model_dump(mode="json")}
            if isinstance(plan, ErrorView)
            else {"plan": _plan.dump_python(plan, mode="json")}
        )
        values = {"repo": revision.repository, "commit": revision.commit, "recipe": key, "plan": document}
        await connection.execute(insert(plans).values(values).on_conflict_do_nothing())


def _read(document: dict[str, Any]) -> FilesPlan | ErrorView:
    if "refusal" in document:
        return ErrorView.model_validate(document["refusal"])
    return _plan.validate_python(document["plan"])
