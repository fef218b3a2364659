"""What the database knows of the use of environments and contents, and marks that keep planning and removing apart."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.retention import ShelfItem

# Stopped servers too: they are started again from what they were made with.
_NEEDS = """
SELECT 'server ' || "user" || '/' || server_name AS needed_by, environment_id, content_id
FROM sessions WHERE deleted_at IS NULL AND environment_id IS NOT NULL
UNION ALL
SELECT 'build ' || id, plan->>'environment_id', plan->>'content_id' FROM builds WHERE state IN ('queued', 'running')
UNION ALL
SELECT 'launch ' || id, plan->>'environment_id', plan->>'content_id' FROM launches
WHERE finished_at IS NULL AND plan->>'environment_id' IS NOT NULL
"""
_ALL_NEEDS = text(f"""
WITH needs AS ({_NEEDS})
SELECT 'environment' AS kind, environment_id AS id, needed_by FROM needs
UNION ALL SELECT 'content', content_id, needed_by FROM needs WHERE content_id IS NOT NULL
""")  # noqa: S608 -- parts of our own
_USES = text("""
SELECT 'environment' AS kind, environment_id AS id, max(greatest(started_at, deleted_at)) AS used_at
FROM sessions WHERE environment_id IS NOT NULL GROUP BY environment_id
UNION ALL
SELECT 'content', content_id, max(greatest(started_at, deleted_at))
FROM sessions WHERE content_id IS NOT NULL GROUP BY content_id
UNION ALL
SELECT kind, id, used_at FROM retention_marks
""")
_PINNED = """
SELECT 'environment' AS kind, id FROM environments WHERE pinned_at IS NOT NULL
UNION
SELECT 'content', plan->>'content_id' FROM builds WHERE state = 'succeeded'
AND plan->>'environment_id' IN (SELECT id FROM environments WHERE pinned_at IS NOT NULL)
"""
_USE = text("""
INSERT INTO retention_marks (kind, id, used_at)
VALUES ('content', :content_id, clock_timestamp()), ('environment', :environment_id, clock_timestamp())
ON CONFLICT (kind, id) DO UPDATE SET used_at = clock_timestamp()
RETURNING removing_by IS NOT NULL AND EXISTS (
    SELECT 1 FROM work_items WHERE lease_token = removing_by AND available_at > clock_timestamp()
) AS doomed
""")
_ADD = text("INSERT INTO retention_marks (kind, id) VALUES (:kind, :id) ON CONFLICT DO NOTHING")
_LOCK = text("""
SELECT coalesce(used_at < clock_timestamp() - CAST(:grace AS interval), true) FROM retention_marks
WHERE kind = :kind AND id = :id FOR UPDATE
""")
_FREE = text(f"""
WITH needs AS ({_NEEDS}), pins AS ({_PINNED})
SELECT NOT EXISTS (
    SELECT 1 FROM needs WHERE CASE CAST(:kind AS text) WHEN 'environment' THEN environment_id ELSE content_id END = :id
) AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.kind = :kind AND pins.id = :id)
""")  # noqa: S608 -- parts of our own
_DOOM = text("UPDATE retention_marks SET removing_by = :token WHERE kind = :kind AND id = :id")
_FORGET = text("""
DELETE FROM retention_marks WHERE (used_at IS NULL OR used_at < clock_timestamp() - CAST(:grace AS interval))
AND NOT (kind || ' ' || id = ANY(CAST(:there AS text[])))
""")


class RetentionStorage:
    """Reads uses and needs, and writes marks.

    Planning and removing meet in one row per thing. Who plans writes when, and then looks whether it is there. Who
    removes locks the row, gives up if the time is recent or a need has come up, and writes that it is being removed,
    before it is. So whoever is second knows of the first.
    """

    async def list_known(self, connection: AsyncConnection, builds: Collection[UUID]) -> set[UUID]:
        """List those of the builds that are in this database."""
        found = await connection.execute(text("SELECT id FROM builds WHERE id = ANY(:ids)"), {"ids": list(builds)})
        return set(found.scalars())

    async def list_needs(self, connection: AsyncConnection) -> Sequence[Any]:
        """List rows of `kind`, `id` and `needed_by`."""
        return (await connection.execute(_ALL_NEEDS)).all()

    async def list_uses(self, connection: AsyncConnection) -> Sequence[Any]:
        """List rows of `kind`, `id` and `used_at`, which may be unknown."""
        return (await connection.execute(_USES)).all()

    async def list_pinned(self, connection: AsyncConnection) -> set[tuple[str, str]]:
        """List what is pinned: environments, and the contents that were built with them."""
        return {(row.kind, row.id) for row in await connection.execute(text(_PINNED))}

    async def read_now(self, connection: AsyncConnection) -> datetime:
        """Read the database's time, by which all times here are."""
        return (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()  # type: ignore[no-any-return]

    async def use(self, connection: AsyncConnection, *, environment_id: str, content_id: str) -> bool:
        """Write that a plan with both is being made, and tell whether one of them is just being removed."""
        rows = await connection.execute(_USE, {"environment_id": environment_id, "content_id": content_id})
        return any(row.doomed for row in rows)

    async def doom(self, connection: AsyncConnection, item: ShelfItem, *, token: UUID, grace: timedelta) -> bool:
        """Write that an item is being removed under a lease; False when it was used, pinned or needed after all."""
        key = {"kind": item.kind.value, "id": item.id}
        await connection.execute(_ADD, key)
        if not (await connection.execute(_LOCK, {**key, "grace": grace})).scalar_one():
            return False
        if not (await connection.execute(_FREE, key)).scalar_one():
            return False
        await connection.execute(_DOOM, {**key, "token": token})
        return True

    async def spare(self, connection: AsyncConnection, item: ShelfItem) -> None:
        """Write that an item is not being removed any more; what is made in its place is not doomed."""
        statement = text("UPDATE retention_marks SET removing_by = NULL WHERE kind = :kind AND id = :id")
        await connection.execute(statement, {"kind": item.kind.value, "id": item.id})

    async def forget(self, connection: AsyncConnection, there: Sequence[ShelfItem], *, grace: timedelta) -> None:
        """Delete old marks of what is not there."""
        keys = [f"{item.kind.value} {item.id}" for item in there]
        await connection.execute(_FORGET, {"there": keys, "grace": grace})
