"""The inbox: what came from outside, with what became of it. The table says what the verdicts mean.

What came is closed in workspaces that keep data of runs encrypted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.data import fitting_key, json_or_none
from db.ids import MAX_UUID, EventId, RunId, WorkflowId, WorkspaceId, new_uuid7
from db.json import Json, dumps, plain_text
from db.log_seal import LogPlace, LogSeal
from db.statements import command, rows, values

EventKind = Literal["api", "webhook", "email", "schedule", "event", "workflow", "poll"]
Verdict = Literal["waiting", "accepted", "duplicate", "refused", "failed", "dropped"]

Over = Literal["refused", "failed", "dropped"]

_PLAIN, _CLOSED = b"\x00", b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What came from outside. The same `source` and `dedupe_key` within `window_s` counts once; without a key it always does.

    `head` is what the sender said around the body, `raw` the body as it came, and `size` its bytes.
    """

    source: str
    kind: EventKind = "api"
    workflow_id: WorkflowId | None = None
    trigger_id: str | None = None
    dedupe_key: str | None = None
    window_s: float | None = None
    head: Json = None
    raw: bytes | None = None
    size: int = 0
    event_id: EventId = field(default_factory=lambda: EventId(new_uuid7()))

    def header(self) -> Json:
        """As `note_event` takes it."""
        return {
            "event_id": str(self.event_id),
            "kind": self.kind,
            "source": self.source,
            "workflow_id": None if self.workflow_id is None else str(self.workflow_id),
            "trigger_id": self.trigger_id,
            "dedupe_key": None if self.dedupe_key is None else fitting_key(self.dedupe_key),
            "window_s": self.window_s,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """One that waited and is held by the caller, under that epoch."""

    event_id: EventId
    epoch: int


@dataclass(frozen=True, slots=True)
class Event:
    """`content_id`: the event that keeps what came, this one or another; see `content`."""

    workspace_id: WorkspaceId
    event_id: EventId
    kind: EventKind
    source: str
    workflow_id: WorkflowId | None
    workflow: str | None
    trigger_id: str | None
    dedupe_key: str | None
    run_id: RunId | None
    verdict: Verdict
    reason: str | None
    attempts: int
    next_at: datetime | None
    lease_epoch: int
    received_at: datetime
    size: int
    content_id: EventId

    @property
    def held(self) -> HeldEvent:
        return HeldEvent(self.event_id, self.lease_epoch)


@dataclass(frozen=True, slots=True)
class Content:
    event_id: EventId
    head: Json
    raw: bytes | None


_NOTE = values("inbox", "note", UUID)
_COUNTING = values("inbox", "counting", UUID)
_KEEP = command("inbox", "keep")
_NOTE_REFUSAL = command("inbox", "note_refusal")
_LIST = rows("inbox", "list_events", Event)
_GET = rows("inbox", "get", Event)
_CONTENT = rows("inbox", "content", Content)
_NEXT_SOURCE = values("inbox", "next_source", UUID)
_TAKE = rows("inbox", "take", Event)
_SETTLE = command("inbox", "settle")
_PUT_BACK = command("inbox", "put_back")
_REPLAY = command("inbox", "replay")
_DROP = command("inbox", "drop")
_HURRY = command("inbox", "hurry")


async def note(connection: Connection, workspace_id: WorkspaceId, event: NewEvent) -> None:
    """It waits from now on, unless it came before."""
    head, raw = await closed_content(connection.seal, workspace_id, event)
    await connection.maybe(
        _NOTE,
        workspace_id=workspace_id,
        event=dumps(event.header()),
        event_head=head,
        event_raw=raw,
        verdict="waiting",
    )


async def note_shared(
    connection: Connection, workspace_id: WorkspaceId, events: Sequence[NewEvent], head: Json, raw: bytes
) -> list[EventId]:
    """Events of several sources that the same thing brought, which is kept once. They wait from now on, unless they came before; gives those
    that hadn't. In a transaction."""
    # In one order, so that two who bring the same to the same sources don't wait for each other.
    for event in sorted(events, key=lambda one: one.source):
        bare = dumps(event.header())
        await connection.maybe(
            _NOTE, workspace_id=workspace_id, event=bare, event_head=None, event_raw=None, verdict="waiting"
        )
    ids = [event.event_id for event in events]
    counting = [EventId(found) for found in await connection.all(_COUNTING, workspace_id=workspace_id, event_ids=ids)]
    if counting:
        keeper = replace(events[0], event_id=counting[0], head=head, raw=raw)
        event_head, event_raw = await closed_content(connection.seal, workspace_id, keeper)
        await connection.count(
            _KEEP,
            workspace_id=workspace_id,
            event_ids=counting,
            keeper=keeper.event_id,
            event_head=event_head,
            event_raw=event_raw,
        )
    return counting


async def note_refusal(connection: Connection, workspace_id: WorkspaceId, event: NewEvent, reason: str) -> None:
    head, raw = await closed_content(connection.seal, workspace_id, event)
    await connection.count(
        _NOTE_REFUSAL,
        workspace_id=workspace_id,
        event_id=event.event_id,
        kind=event.kind,
        source=plain_text(event.source),
        workflow_id=event.workflow_id,
        trigger_id=None if event.trigger_id is None else plain_text(event.trigger_id),
        reason=plain_text(reason),
        size=event.size,
        event_head=head,
        event_raw=raw,
    )


async def list_events(
    connection: Connection,
    workspace_id: WorkspaceId,
    before: EventId | None,
    limit: int,
    *,
    verdict: Verdict | None = None,
    kind: EventKind | None = None,
    workflow_id: WorkflowId | None = None,
) -> list[Event]:
    """Newest first. What came with an API call is no event here."""
    return await connection.all(
        _LIST,
        workspace_id=workspace_id,
        below=before or MAX_UUID,
        verdict=verdict,
        kind=kind,
        workflow_id=workflow_id,
        most=limit,
    )


async def get(connection: Connection, workspace_id: WorkspaceId, event_id: EventId) -> Event | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, event_id=event_id)


async def content(connection: Connection, workspace_id: WorkspaceId, content_id: EventId) -> Content | None:
    """What came; None when it is kept no longer. Raises `UnreadableData`."""
    found = await connection.maybe(_CONTENT, workspace_id=workspace_id, event_id=content_id)
    if found is None:
        return None
    head = await log_seal.opened(connection.seal, _place(workspace_id, "head", content_id), found.head)
    raw = found.raw
    if raw is not None:
        raw, closed = raw[1:], raw[:1] == _CLOSED
        if closed and connection.seal is not None:
            raw = await log_seal.opened_bytes(connection.seal, _place(workspace_id, "raw", content_id), raw)
    return Content(found.event_id, head, raw)


async def due_sources(connection: Connection, limit: int) -> list[EventId]:
    """The first events of sources whose turn it is, for `take`."""
    return [EventId(found) for found in await connection.all(_NEXT_SOURCE, most=limit)]


async def take(connection: Connection, first: EventId, lease_s: float, limit: int) -> Sequence[Event]:
    """The first waiting events of that one's source, in order, held by the caller; none if somebody was faster."""
    return await connection.all(_TAKE, event_id=first, lease_s=lease_s, most=limit)


async def settle(
    connection: Connection,
    workspace_id: WorkspaceId,
    held: HeldEvent,
    verdict: Over,
    reason: str,
) -> bool:
    """It starts no run. False: it isn't held by the caller any more."""
    done = await connection.count(
        _SETTLE,
        workspace_id=workspace_id,
        event_id=held.event_id,
        epoch=held.epoch,
        verdict=verdict,
        reason=plain_text(reason),
    )
    return done > 0


async def put_back(
    connection: Connection,
    workspace_id: WorkspaceId,
    held: HeldEvent,
    after_s: float,
    reason: str | None,
    *,
    counted: bool = True,
) -> None:
    """It waits again. `counted` false: nothing was tried."""
    await connection.count(
        _PUT_BACK,
        workspace_id=workspace_id,
        event_id=held.event_id,
        epoch=held.epoch,
        after_s=after_s,
        reason=None if reason is None else plain_text(reason),
        given_back=0 if counted else 1,
    )


async def replay(connection: Connection, workspace_id: WorkspaceId, event_id: EventId) -> bool:
    """It waits again. False: what came is kept no longer, or somebody is at it."""
    return await connection.count(_REPLAY, workspace_id=workspace_id, event_id=event_id) > 0


async def drop(connection: Connection, workspace_id: WorkspaceId, event_id: EventId, reason: str) -> bool:
    """False: there is nothing to drop."""
    return await connection.count(_DROP, workspace_id=workspace_id, event_id=event_id, reason=plain_text(reason)) > 0


async def hurry(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
    """What waits for this workflow is due now."""
    await connection.count(_HURRY, workspace_id=workspace_id, workflow_id=workflow_id)


async def closed_content(
    seal: LogSeal | None, workspace_id: WorkspaceId, event: NewEvent
) -> tuple[str | None, bytes | None]:
    """`head` and `raw` as their columns keep them."""
    seal = await log_seal.wanted(seal, workspace_id)
    head = json_or_none(await log_seal.closed(seal, _place(workspace_id, "head", event.event_id), event.head))
    if event.raw is None:
        return head, None
    if seal is None:
        return head, _PLAIN + event.raw
    return head, _CLOSED + await seal.close(_place(workspace_id, "raw", event.event_id), event.raw)


def _place(workspace_id: WorkspaceId, column: str, event_id: EventId) -> LogPlace:
    return LogPlace("events_to_be_processed", column, workspace_id, str(event_id))
