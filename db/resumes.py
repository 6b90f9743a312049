"""Bodies posted to the resume addresses of steps that wait for an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from db.connection import Connection
from db.data import json_or_none
from db.ids import RunId, WorkspaceId
from db.json import Json
from db.statements import rows, values

Posted = Literal["posted", "second", "ended", "unknown"]


@dataclass(frozen=True, slots=True)
class Resume:
    path: str
    body: Json
    posted_at: datetime


_POST = values("resumes", "post", str)
_GET = rows("resumes", "get", Resume)


async def post(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, body: Json) -> Posted:
    """Keep `body` for the step at `path`, also before it waits, and note a wake-up. One trip, one commit on `single()`.

    `second`: somebody was first; `ended`: the wait or the run is over; `unknown`: no such run.
    """
    said = await connection.one(_POST, workspace_id=workspace_id, run_id=run_id, path=path, body=json_or_none(body))
    return cast("Posted", said)


async def get(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str) -> Resume | None:
    """What was posted for the step, None if nothing was yet."""
    return await connection.maybe(_GET, workspace_id=workspace_id, run_id=run_id, path=path)
