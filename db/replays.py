"""What replaying runs would do again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.connection import Connection
from db.ids import RunId, WorkspaceId
from db.statements import rows


@dataclass(frozen=True, slots=True)
class Made:
    """How often a step of these runs made its call, retries included."""

    module: str
    step: str
    count: int


_MADE = rows("replays", "made", Made)


async def made(connection: Connection, workspace_id: WorkspaceId, run_ids: Sequence[RunId]) -> list[Made]:
    """Calls by module and step; what was mocked, taken over or skipped made none."""
    return await connection.all(_MADE, workspace_id=workspace_id, run_ids=list(run_ids)) if run_ids else []
