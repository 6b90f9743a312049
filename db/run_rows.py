"""A run as it stands, and the ways to find runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.ids import MAX_UUID, MIN_UUID, RunId, WorkflowId, WorkspaceId, uuid7_floor
from db.json import Json
from db.log_seal import LogPlace
from db.record import RunStatus
from db.search_words import question_words
from db.statements import rows, values

Carrier = Literal["temporal", "inline", "simulation"]
LogLevel = Literal["full", "errors", "none"]
QueuedFor = Literal["key", "cap", "start"]

OPEN: frozenset[RunStatus] = frozenset({"queued", "running", "waiting"})
UNLUCKY: frozenset[RunStatus] = frozenset({"failed", "cancelled", "timed_out"})


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run's header. `queued_for` says what a run that hasn't begun waits for.

    `key`: `queued_behind` is the run that goes before it. `cap`: `open_runs` runs of the workflow are further, of `cap` that may be.
    `start_attempts` counts claims; `trouble` says in words why the engine can't go on with it.

    `event_seq` numbers the run's last change, `status_seq` the last one of the header itself. (`changed_xid`, `run_id`) is its
    place in the workspace's stream.
    """

    workspace_id: WorkspaceId
    run_id: RunId
    workflow_id: WorkflowId
    workflow: str
    version: int
    status: RunStatus
    carrier: Carrier
    trigger_type: str
    trigger_id: str | None
    trigger: Json
    output: Json
    error: Json
    warnings: Json
    test: bool
    options: Json
    replay_of: RunId | None
    parent_run_id: RunId | None
    parent_path: str | None
    depth: int
    origin: str
    reply_until: datetime | None
    response: Json
    concurrency_key: str | None
    log: LogLevel
    retention_days: int
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    cancel_reason: str | None
    expires_at: datetime | None
    event_seq: int
    status_seq: int
    changed_xid: int
    compiled_hash: str
    pinned_at: datetime | None
    pinned_by: str | None
    pinned_reason: str | None
    queued_for: QueuedFor | None
    queued_behind: RunId | None
    cap: int | None
    open_runs: int | None
    start_attempts: int | None
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs. `since` ≤ accepted < `until`; `question`: words of input, output and error, all of them (`abc*` begins so)."""

    workflow_id: WorkflowId | None = None
    statuses: tuple[RunStatus, ...] | None = None
    version: int | None = None
    trigger_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    test: bool | None = None
    pinned: bool | None = None
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a workspace's stream of changed runs: see `changed`."""

    xid: int
    run_id: RunId


@dataclass(frozen=True, slots=True)
class StatusCount:
    status: RunStatus
    count: int


_BY_IDS = rows("runs", "by_ids", RunRow)
_HEADS = rows("runs", "heads", RunRow)
_NEWEST_ALL = values("runs", "newest_all", UUID)
_NEWEST_OF_WORKFLOW = values("runs", "newest_of_workflow", UUID)
_NEWEST_UNLUCKY = values("runs", "newest_unlucky", UUID)
_NEWEST_UNLUCKY_OF_WORKFLOW = values("runs", "newest_unlucky_of_workflow", UUID)
_NEWEST_PINNED = values("runs", "newest_pinned", UUID)
_NEWEST_OPEN = values("runs", "newest_open", UUID)
_OLDEST_ALL = values("runs", "oldest_all", UUID)
_OLDEST_OF_WORKFLOW = values("runs", "oldest_of_workflow", UUID)
_OLDEST_UNLUCKY = values("runs", "oldest_unlucky", UUID)
_OLDEST_UNLUCKY_OF_WORKFLOW = values("runs", "oldest_unlucky_of_workflow", UUID)
_OLDEST_PINNED = values("runs", "oldest_pinned", UUID)
_OLDEST_OPEN = values("runs", "oldest_open", UUID)
_SEARCH = values("runs", "search", UUID)
_CHANGED = rows("runs", "changed", Place)
_STREAM_END = values("runs", "stream_end", int)
_CHILDREN = values("runs", "children", UUID)
_CHILD_OF = values("runs", "child_of", UUID)
_OPEN_OF_WORKFLOW = values("runs", "open_of_workflow", UUID)
_COUNTS = rows("runs", "counts", StatusCount)
_ENDED = rows("runs", "ended_by_status", StatusCount)


async def get(connection: Connection, run_id: RunId) -> RunRow | None:
    """The run's header, None if there is none that the connection may see."""
    found = await connection.maybe(_BY_IDS, run_ids=[run_id])
    return None if found is None else await _opened(connection, found)


async def by_ids(connection: Connection, run_ids: Sequence[RunId]) -> list[RunRow]:
    """Newest first; ids that are not there are left out."""
    found = await connection.all(_BY_IDS, run_ids=list(run_ids)) if run_ids else []
    return [await _opened(connection, row) for row in found]


async def heads(connection: Connection, run_ids: Sequence[RunId]) -> list[RunRow]:
    """The same without data: trigger, output, warnings, options, response and `queued_for` are None."""
    found = await connection.all(_HEADS, run_ids=list(run_ids)) if run_ids else []
    return [await _opened(connection, row) for row in found]


async def _opened(connection: Connection, row: RunRow) -> RunRow:
    seal = connection.seal
    if seal is None:
        return row

    def at(column: str) -> LogPlace:
        return log_seal.of_run(row.workspace_id, column, row.run_id)

    return replace(
        row,
        trigger=await log_seal.opened(seal, at("trigger"), row.trigger),
        output=await log_seal.opened(seal, at("output"), row.output),
        error=await log_seal.opened(seal, at("error"), row.error),
        warnings=await log_seal.opened_lines(seal, at("warnings"), row.warnings),
        options=await log_seal.opened(seal, at("options"), row.options),
        response=await log_seal.opened(seal, at("response"), row.response),
    )


async def list_ids(
    connection: Connection, workspace_id: WorkspaceId, chosen: RunFilter, before: RunId | None, limit: int
) -> list[RunId]:
    """Ids of the newest runs older than `before` (a page's cursor), newest first. `connection` acts for the workspace."""
    bounds = _bounds(chosen, MIN_UUID, before or MAX_UUID, limit)
    if chosen.question is not None:
        found = await connection.all(_SEARCH, words=question_words(chosen.question), oldest_first=False, **bounds)
    elif chosen.statuses is not None and OPEN.issuperset(chosen.statuses):
        found = await connection.all(_NEWEST_OPEN, workspace_id=workspace_id, **bounds)
    elif chosen.pinned:
        found = await connection.all(_NEWEST_PINNED, workspace_id=workspace_id, **bounds)
    elif chosen.statuses is not None and UNLUCKY.issuperset(chosen.statuses):
        unlucky = _NEWEST_UNLUCKY if chosen.workflow_id is None else _NEWEST_UNLUCKY_OF_WORKFLOW
        found = await connection.all(unlucky, workspace_id=workspace_id, **bounds)
    elif chosen.workflow_id is not None:
        found = await connection.all(_NEWEST_OF_WORKFLOW, workspace_id=workspace_id, **bounds)
    else:
        found = await connection.all(_NEWEST_ALL, workspace_id=workspace_id, **bounds)
    return [RunId(run_id) for run_id in found]


async def list_oldest_ids(
    connection: Connection, workspace_id: WorkspaceId, chosen: RunFilter, after: RunId | None, below: RunId, limit: int
) -> list[RunId]:
    """Ids of the oldest runs newer than `after` and older than `below`, oldest first: the order in which they were accepted."""
    above = MIN_UUID if after is None else UUID(int=after.int + 1)
    bounds = _bounds(chosen, above, below, limit)
    if chosen.question is not None:
        found = await connection.all(_SEARCH, words=question_words(chosen.question), oldest_first=True, **bounds)
    elif chosen.statuses is not None and OPEN.issuperset(chosen.statuses):
        found = await connection.all(_OLDEST_OPEN, workspace_id=workspace_id, **bounds)
    elif chosen.pinned:
        found = await connection.all(_OLDEST_PINNED, workspace_id=workspace_id, **bounds)
    elif chosen.statuses is not None and UNLUCKY.issuperset(chosen.statuses):
        unlucky = _OLDEST_UNLUCKY if chosen.workflow_id is None else _OLDEST_UNLUCKY_OF_WORKFLOW
        found = await connection.all(unlucky, workspace_id=workspace_id, **bounds)
    elif chosen.workflow_id is not None:
        found = await connection.all(_OLDEST_OF_WORKFLOW, workspace_id=workspace_id, **bounds)
    else:
        found = await connection.all(_OLDEST_ALL, workspace_id=workspace_id, **bounds)
    return [RunId(run_id) for run_id in found]


def _bounds(chosen: RunFilter, lowest: UUID, below: UUID, limit: int) -> dict[str, object]:
    return {
        "statuses": None if chosen.statuses is None else list(chosen.statuses),
        "version": chosen.version,
        "trigger_type": chosen.trigger_type,
        "test": chosen.test,
        "pinned": chosen.pinned,
        "workflow_id": chosen.workflow_id,
        "lowest": lowest if chosen.since is None else max(lowest, uuid7_floor(chosen.since)),
        "below": below if chosen.until is None else min(below, uuid7_floor(chosen.until)),
        "most": limit,
    }


async def list_runs(
    connection: Connection, workspace_id: WorkspaceId, chosen: RunFilter, before: RunId | None, limit: int
) -> list[RunRow]:
    """Headers of the newest runs older than `before`, newest first."""
    return await by_ids(connection, await list_ids(connection, workspace_id, chosen, before, limit))


async def changed(connection: Connection, workspace_id: WorkspaceId, after: Place, limit: int) -> list[Place]:
    """The workspace's stream: runs whose header changed after `after`, each at the place of its last change.

    Complete whatever the order of commits: changes carry their transaction's number, and none is shown before all
    transactions with smaller numbers have ended. So a place once passed never gets anything new.
    """
    return await connection.all(
        _CHANGED, workspace_id=workspace_id, after_xid=after.xid, after_run=after.run_id, most=limit
    )


async def stream_end(connection: Connection) -> Place:
    """The place from which to read what changes from now on."""
    return Place(await connection.one(_STREAM_END), RunId(MAX_UUID))


async def children(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> list[RunId]:
    """Open runs that this run's steps started."""
    found = await connection.all(_CHILDREN, workspace_id=workspace_id, run_id=run_id)
    return [RunId(child) for child in found]


async def child_of(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, origin: str
) -> RunId | None:
    """The run that the step at `path` started under the key `origin`, open or not."""
    found = await connection.maybe(_CHILD_OF, workspace_id=workspace_id, run_id=run_id, path=path, origin=origin)
    return None if found is None else RunId(found)


async def open_of_workflow(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, after: RunId | None, limit: int
) -> list[RunId]:
    """Open runs of a workflow with greater ids than `after`, oldest first."""
    found = await connection.all(
        _OPEN_OF_WORKFLOW, workspace_id=workspace_id, workflow_id=workflow_id, after=after or MIN_UUID, most=limit
    )
    return [RunId(run_id) for run_id in found]


async def counts(connection: Connection, workspace_id: WorkspaceId) -> dict[RunStatus, int]:
    """Open runs of the workspace by state."""
    return {row.status: row.count for row in await connection.all(_COUNTS, workspace_id=workspace_id)}


async def ended_by_status(connection: Connection, run_ids: Sequence[RunId]) -> dict[RunStatus, int]:
    """How those of these runs ended that have. For metrics, over all workspaces."""
    found = await connection.all(_ENDED, run_ids=list(run_ids)) if run_ids else []
    return {row.status: row.count for row in found}
