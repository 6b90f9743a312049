"""Which writes a replay of ended runs makes again, told from their logs: a forecast, and exact as far as the runs take the same way.

A write is a call that was given an idempotency key; tries of one call are one. Counted are those that the old runs reached, in the runs
that they started too, but not what was mocked (a replay mocks it again) nor, with `from_step`, what is taken over. What lies behind the
place where an old run failed was never made, so it isn't *again* and isn't counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from db import replays
from db.connection import Connection
from db.ids import RunId, WorkspaceId
from db.replays import Call
from db.run_rows import RunRow
from engine.core.from_rows import LogRow, from_rows
from engine.core.plan import Plan
from engine.core.records import StepStatus

Writes: TypeAlias = "Counter[tuple[str, str, str]]"
"""How many, by workflow, module and step."""


async def of_whole(conn: Connection, workspace_id: WorkspaceId, run_ids: Sequence[RunId]) -> Writes:
    """All writes of these runs and of those that they started."""
    made = await replays.made(conn, workspace_id, run_ids)
    return Counter({(one.workflow, one.module, one.step): one.count for one in made})


async def from_a_step(conn: Connection, run: RunRow, plan: Plan, from_step: str) -> Writes:
    """Those of one run that lie downstream of the step. Raises `UnknownStep`."""
    calls = await replays.calls(conn, run.workspace_id, run.run_id)
    kept = from_rows([_row(call) for call in calls], plan, from_step)
    again = [call for call in calls if call.path not in kept and call.mocked is None]
    writes: Writes = Counter()
    for path in {call.path for call in again if call.idempotency_key is not None}:
        call = next(call for call in again if call.path == path)
        writes[run.workflow, call.module, call.step] += 1
    started = [RunId(call.child_run_id) for call in again if call.child_run_id is not None]
    return writes + await of_whole(conn, run.workspace_id, started)


def _row(call: Call) -> LogRow:
    return LogRow(
        path=call.path,
        attempt=call.attempt,
        status=StepStatus(call.status),
        started_at=call.started_at.timestamp(),
        finished_at=None if call.finished_at is None else call.finished_at.timestamp(),
        error=call.error if isinstance(call.error, dict) else None,
        handle=call.handle,
        retry_at=None if call.retry_at is None else call.retry_at.timestamp(),
    )
