"""The queue of open runs, from accepted to started: see the table's states in the migrations.

Claims are leases. A claim's epoch is its fence: whoever was too slow and lost its lease can't undo what the next one did, and hears of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from db.connection import Connection
from db.ids import MIN_UUID, RunId, WorkflowId, WorkspaceId
from db.runs import QueueState
from db.statements import command, rows, values

Fenced = Literal["done", "refused", "ended"]
"""`refused`: the run is another's claim by now, and nothing was changed; `ended`: the run has ended."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that the claimer starts now. `attempts` counts claims, this one included; `recovered`: its execution was lost."""

    run_id: RunId
    workspace_id: WorkspaceId
    workflow_id: WorkflowId
    epoch: int
    attempts: int
    recovered: bool


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A run that has an execution, or should have one."""

    run_id: RunId
    workspace_id: WorkspaceId
    workflow_id: WorkflowId
    epoch: int
    state: QueueState
    recovered: bool
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class Released:
    """A claim that was given back. `cancelled`: somebody asked for the run's end while its start was under way."""

    run_id: RunId
    workspace_id: WorkspaceId
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """Runs that wait to start, and when the oldest of them was accepted."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Unowned:
    """An execution without an open run. `ended`: its run has ended; otherwise there is none of that id."""

    workflow_id: str
    ended: bool


@dataclass(frozen=True, slots=True)
class AtWork:
    """A started run that doesn't wait, or is in trouble, or is to be cancelled."""

    run_id: RunId
    workspace_id: WorkspaceId
    troubled: bool
    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class Troubled:
    """`trouble` says in words why the engine can't go on with the run; None: it can again."""

    workspace_id: WorkspaceId
    run_id: RunId
    trouble: str | None


_CLAIM = rows("queue", "claim", Claimed)
_SEND = values("queue", "send", str)
_MARK_STARTED = values("queue", "mark_started", str)
_RELEASE = rows("queue", "release", Released)
_RECOVER = command("queue", "recover")
_OPEN_ROWS = rows("queue", "open_rows", OpenRow)
_REPAIR = values("queue", "repair", UUID)
_ENDS_OF_LINE = values("queue", "ends_of_line", UUID)
_UNOWNED = rows("queue", "unowned", Unowned)
_AT_WORK = rows("queue", "at_work", AtWork)
_NOTE_TROUBLE = rows("queue", "note_trouble", Troubled)
_ANYTHING_WAITS = values("queue", "anything_waits", bool)
_DEPTH = rows("queue", "depth", Depth)


async def claim(
    connection: Connection, holder: str, limit: int, lease_s: float, after: WorkspaceId | None = None
) -> list[Claimed]:
    """Claim up to `limit` runs for `lease_s` seconds, fair between workspaces and workflows; the workspace after `after` comes first.

    All that may go is found: fewer than `limit` means that nothing else is ready, but for what others claim at the same moment.
    """
    return await connection.all(_CLAIM, holder=holder, most=limit, lease_s=lease_s, after=after or 0)


async def send(connection: Connection, run_id: RunId, epoch: int, lease_s: float) -> Fenced:
    """To be called just before the start is sent: the lease begins anew, and a cancel waits for the start's outcome from here on."""
    return cast("Fenced", await connection.one(_SEND, run_id=run_id, epoch=epoch, lease_s=lease_s))


async def mark_started(connection: Connection, run_id: RunId, epoch: int) -> Fenced:
    """The execution of that claim exists."""
    return cast("Fenced", await connection.one(_MARK_STARTED, run_id=run_id, epoch=epoch))


async def release(connection: Connection, claims: Sequence[tuple[RunId, int]], delay_s: float) -> list[Released]:
    """Give claims (run and epoch) back; they may be claimed again after `delay_s`. Those that weren't ours any more are left out."""
    if not claims:
        return []
    return await connection.all(
        _RELEASE,
        run_ids=[run_id for run_id, _ in claims],
        epochs=[epoch for _, epoch in claims],
        delay_s=delay_s,
    )


async def recover(connection: Connection, run_id: RunId, epoch: int) -> bool:
    """Queue an open run again whose execution is gone. Its next start takes over what the log has.

    False when the run has ended, or was claimed or queued again since it was seen with `epoch`.
    """
    return await connection.count(_RECOVER, run_id=run_id, epoch=epoch) > 0


async def open_rows(connection: Connection, after: RunId | None, limit: int, older_s: float = 0.0) -> list[OpenRow]:
    """Started runs with greater ids than `after` that were started at least `older_s` ago: for the reconciler's walk."""
    return await connection.all(_OPEN_ROWS, after=after or MIN_UUID, most=limit, older_s=older_s)


async def repair(connection: Connection) -> list[RunId]:
    """Let runs go whose key or cap is free though they stand behind it. Finds none unless something outside meddled."""
    return [RunId(run_id) for run_id in await connection.all(_REPAIR)]


async def ends_of_line(connection: Connection, older_s: float) -> list[RunId]:
    """The started runs with the smallest and the greatest id, of those that were started at least `older_s` ago."""
    return [RunId(run_id) for run_id in await connection.all(_ENDS_OF_LINE, older_s=older_s)]


async def unowned(connection: Connection, ids: Sequence[str], ended_s: float) -> list[Unowned]:
    """Of these executions those whose runs ended at least `ended_s` ago, or are unknown."""
    return await connection.all(_UNOWNED, ids=list(ids), ended_s=ended_s)


async def at_work(connection: Connection, after: RunId | None, limit: int, older_s: float) -> list[AtWork]:
    """Up to `limit` runs in trouble, then up to `limit` others at work with greater ids than `after`, started at least `older_s` ago."""
    return await connection.all(_AT_WORK, after=after or MIN_UUID, most=limit, older_s=older_s)


async def note_trouble(connection: Connection, troubles: Mapping[RunId, str | None]) -> list[Troubled]:
    """Why the engine can't go on with these started runs; None: it can. Gives what changed by this."""
    if not troubles:
        return []
    return await connection.all(_NOTE_TROUBLE, run_ids=list(troubles), troubles=list(troubles.values()))


async def depth(connection: Connection) -> Depth:
    """Of the whole installation, for metrics. It counts rows: some 20 ms for 100,000 of them."""
    return await connection.one(_DEPTH)


async def anything_waits(connection: Connection) -> bool:
    """Whether an end may let some run go: what is blocked or capped isn't claimed, and waits all the same."""
    return await connection.one(_ANYTHING_WAITS)
