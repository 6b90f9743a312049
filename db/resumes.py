"""Bodies posted to the resume addresses of steps that wait for an event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast

from db import log_seal
from db.connection import Connection
from db.data import json_or_none
from db.ids import RunId, WorkspaceId
from db.json import Json
from db.log_seal import LogPlace
from db.statements import rows, values

Posted = Literal["posted", "second", "ended", "unknown"]


@dataclass(frozen=True, slots=True)
class Resume:
    path: str
    body: Json
    posted_at: datetime


_POST = values("resumes", "post", str)
_ANSWER = values("resumes", "answer", bool)
_GET = rows("resumes", "get", Resume)


async def post(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, body: Json) -> Posted:
    """Keep `body` for the step at `path`, also before it waits, and note a wake-up. One trip, one commit on `single()`.

    `second`: somebody was first; `ended`: the wait or the run is over; `unknown`: no such run.
    """
    seal = await log_seal.wanted(connection.seal, workspace_id)
    kept = json_or_none(await log_seal.closed(seal, _place(workspace_id, run_id, path), body))
    said = await connection.one(_POST, workspace_id=workspace_id, run_id=run_id, path=path, body=kept)
    return cast("Posted", said)


async def answer(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, body: Json) -> bool:
    """The same for a step that the caller knows to wait, without the run's row: the transaction may hold another's. False: it has one."""
    seal = await log_seal.wanted(connection.seal, workspace_id)
    kept = json_or_none(await log_seal.closed(seal, _place(workspace_id, run_id, path), body))
    return await connection.one(_ANSWER, workspace_id=workspace_id, run_id=run_id, path=path, body=kept)


async def get(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str) -> Resume | None:
    """What was posted for the step, None if nothing was yet."""
    found = await connection.maybe(_GET, workspace_id=workspace_id, run_id=run_id, path=path)
    if found is None:
        return None
    body = await log_seal.opened(connection.seal, _place(workspace_id, run_id, path), found.body)
    return replace(found, body=body)


def _place(workspace_id: WorkspaceId, run_id: RunId, path: str) -> LogPlace:
    return LogPlace("workflow_resumes", "body", workspace_id, f"{run_id}/{path}")
