"""Data of runs that is read again: what stands as references is brought back whole."""

from __future__ import annotations

from db.pool import Database
from db.run_rows import RunRow
from engine.activities.host import Head
from engine.activities.run_log import RunPayloads
from engine.activities.stored import whole
from engine.expressions.values import Json, from_json


async def whole_value(db: Database, run: RunRow, value: Json) -> Json:
    """`value` of that run's header or log, with its references filled in. Raises `DatabaseUnavailable`."""
    head = Head(str(run.run_id), run.workspace_id, str(run.workflow_id), run.queued_at.timestamp())
    return await whole(from_json(value), RunPayloads(db, head))
