"""What stands in the database when all is over, read whole: for checks after faults. No request reads it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from db.connection import Connection
from db.ids import MIN_UUID, QueueId, RunId
from db.json import Json
from db.pool import Database
from db.record import RunStatus, StepStatus
from db.statements import rows, values

_PAGE = 500


@dataclass(frozen=True, slots=True)
class RunFact:
    """`event_seq` counts all changes of the run; `status_seq` is the number of the header's own last one."""

    run_id: RunId
    workflow: str
    status: RunStatus
    output: Json
    ended: bool
    parent_run_id: RunId | None
    origin: str
    event_seq: int
    status_seq: int
    trigger: Json


@dataclass(frozen=True, slots=True)
class AttemptFact:
    run_id: RunId
    path: str
    attempt: int
    module: str
    status: StepStatus
    ended: bool
    idempotency_key: str | None
    error: Json


@dataclass(frozen=True, slots=True)
class Left:
    """Places in the queue of runs, claims among them, wake-ups that nobody was told of, runs without an end, items and batches of app queues,
    events of the inbox that wait."""

    open_runs: int
    leases: int
    signals: int
    unended: int
    items: int
    events: int


_RUNS = rows("evidence", "runs", RunFact)
_ATTEMPTS = rows("evidence", "attempts", AttemptFact)
_LEFT = rows("evidence", "left", Left)
_QUEUE_FAULTS = values("evidence", "queue_faults", str)
_DEADLOCKS = values("evidence", "deadlocks", int)


async def runs(db: Database) -> AsyncGenerator[Sequence[RunFact]]:
    """All runs of the installation, page by page."""
    after = RunId(MIN_UUID)
    while True:
        async with db.single() as connection:
            page = await connection.all(_RUNS, after=after, most=_PAGE)
        if page:
            yield page
        if len(page) < _PAGE:
            return
        after = page[-1].run_id


async def attempts(connection: Connection, run_ids: Sequence[RunId]) -> list[AttemptFact]:
    return await connection.all(_ATTEMPTS, run_ids=list(run_ids))


async def left(connection: Connection) -> Left:
    return await connection.one(_LEFT)


async def queue_faults(connection: Connection, queue_id: QueueId) -> list[str]:
    """Where what is counted of a queue differs from its items; nothing in a sound one."""
    return await connection.all(_QUEUE_FAULTS, queue_id=queue_id)


async def deadlocks(connection: Connection) -> int:
    return await connection.one(_DEADLOCKS)
