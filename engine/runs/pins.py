"""Pinned runs: kept, with all that belongs to them, until somebody unpins them."""

from __future__ import annotations

from db import audit, runs
from db.ids import ApiKeyId, RunId, WorkspaceId
from db.pool import Database
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, NotFound
from engine.runs.reading import acting
from engine.runs.request_body import object_of

_LONGEST_REASON = 2_000


async def pin(db: Database, workspace_id: WorkspaceId, run_id: RunId, by: ApiKeyId, body: Json) -> None:
    """`{reason?}`. Pinning again changes reason and name. Raises `NotFound`, `Invalid`, `Conflict` while weeks are being dropped."""
    reason = object_of({} if body is None else body, ("reason",)).get("reason")
    if reason is not None and (not isinstance(reason, str) or len(reason) > _LONGEST_REASON):
        raise Invalid("request.invalid", f"`reason` must be text of at most {_LONGEST_REASON:,} characters.")
    async with acting(db, workspace_id) as conn:
        said = await runs.pin(conn, workspace_id, run_id, by, reason or None)
        if said not in ("unknown", "going"):
            await audit.note(conn, workspace_id, "run", run_id, None, "pinned", after={"reason": reason or None})
    if said == "unknown":
        raise NotFound("run", str(run_id))
    if said == "going":
        raise Conflict(
            "run.expiring",
            "Old runs are being deleted at this moment. Try again in a minute: it is there then, or gone.",
        )


async def unpin(db: Database, workspace_id: WorkspaceId, run_id: RunId) -> None:
    """Retention takes the run at its time again; nothing changes for a run that isn't pinned."""
    async with acting(db, workspace_id) as conn:
        if await runs.unpin(conn, workspace_id, run_id):
            await audit.note(conn, workspace_id, "run", run_id, None, "unpinned")
