"""Events that workflows and callers tell: to triggers that listen for their name, and to steps that wait under their key.

Model. An event is told once, in one transaction: that of the call, or that of the row of the step that tells it. In it

    each listening trigger whose filter lets it through    gets an event in the inbox, which becomes a run in the order of its source
    each step that waits under the key                     gets the data as the body that ends its wait, and its run is woken
    nobody waits under the key                             the event is kept for a day, for the first wait that comes

The lock of the key is held by whoever tells under it and by whoever begins or ends to wait under it, so an event can't fall between a look and
a wait. An event ends every wait that is there, and of those to come only one: a loop that waits again waits for the next one.

A trigger's filter that can't be evaluated is no reason to lose the event for the others: it stands in the inbox as refused, with the error.

*Endless loops.* A run knows the workflows that led to it. Where that line is `LONGEST_CHAIN` long, what it tells starts nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from db import audit, events, inbox, resumes
from db.connection import Connection
from db.events import Listener
from db.ids import EventId, RunId, WorkflowId, WorkspaceId, new_uuid7
from db.inbox import NewEvent
from db.pool import Database
from engine.activities.host import Notices
from engine.activities.keyed_waits import fits
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.operators import truth
from engine.expressions.template import compile_value
from engine.expressions.values import Json, as_value
from engine.hub import Hub, Kind
from engine.problems import Invalid, Problem
from engine.runs.reading import acting
from engine.runs.request_body import object_of
from engine.triggers.input import event_trigger
from modules.sdk.context import Events
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import Rejected

JsonObject = dict[str, Json]

LARGEST = 2**20
"""Bytes of an event's data."""
KEPT_S = 86_400.0
LONGEST_CHAIN = 50
LONGEST_NAME = 200
LONGEST_KEY = 500
_STEPS, _SIZE = 20_000, 64 * 1024
"""Of a filter."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event. `chain`: the workflows whose runs led to it."""

    name: str
    key: str | None
    data: Json
    chain: Sequence[WorkflowId] = ()

    @property
    def size(self) -> int:
        return len(dumps(self.data))


@dataclass(slots=True)
class Reached:
    """Whom an event reached; `woken` are runs whose waits it ended."""

    triggers: list[WorkflowId] = field(default_factory=list[WorkflowId])
    woken: list[RunId] = field(default_factory=list[RunId])

    @property
    def delivered(self) -> int:
        return len(self.triggers) + len(self.woken)

    def tell(self, workspace_id: WorkspaceId, notices: Notices) -> None:
        """It is committed."""
        for workflow_id in self.triggers:
            notices.publish(int(workspace_id), str(workflow_id), Kind.EVENT)
        for run_id in self.woken:
            notices.publish(int(workspace_id), str(run_id), Kind.SIGNAL)


async def publish(conn: Connection, workspace_id: WorkspaceId, told: Told) -> Reached:
    """In a transaction of the caller's."""
    reached = Reached()
    for listener in await events.listening(conn, workspace_id, told.name):
        if await _start(conn, workspace_id, listener, told):
            reached.triggers.append(listener.workflow_id)
    if told.key is not None:
        await events.lock_key(conn, workspace_id, told.key)
        reached.woken.extend(await _end_waits(conn, workspace_id, told.key, told))
        if not reached.woken:
            event_id = EventId(new_uuid7())
            await events.keep(conn, workspace_id, event_id, told.key, told.name, told.data, KEPT_S)
    return reached


def events_over() -> Callable[[int, str], Events]:
    """Gives a run's way to tell events, by its workspace and its id."""
    return lambda workspace_id, run_id: RunEvents(WorkspaceId(workspace_id), RunId(UUID(run_id)))


@dataclass(frozen=True, slots=True)
class RunEvents:
    """Implements `modules.sdk.context.Events`."""

    workspace_id: WorkspaceId
    run_id: RunId

    async def stage(self, name: str, key: str | None, data: Json) -> StagedEvent:
        told = Told(name, key, data)
        if told.size > LARGEST:
            raise Rejected(
                "payload.too_large", f"The data has {told.size:,} bytes; an event holds at most {LARGEST:,}."
            )
        return StagedEvent(self.workspace_id, self.run_id, told)


@dataclass(slots=True)
class StagedEvent:
    """Implements `Deed`."""

    workspace_id: WorkspaceId
    run_id: RunId
    told: Told
    _reached: Reached = field(default_factory=Reached)

    @property
    def what(self) -> str:
        return f"tell the event {self.told.name!r}"

    async def do(self, connection: Connection) -> Json:
        chain = await events.chain_of(connection, self.workspace_id, self.run_id)
        self._reached = await publish(connection, self.workspace_id, replace(self.told, chain=chain))
        return {"delivered": self._reached.delivered}

    def tell(self, notices: Notices) -> None:
        self._reached.tell(self.workspace_id, notices)


class Publisher:
    """Events that callers of the API tell."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub

    async def publish(self, workspace_id: WorkspaceId, body: Json) -> JsonObject:
        """`{delivered}`. Raises `Invalid`, `Problem` 413. What reached nobody stands in the inbox too."""
        told = _told(body)
        async with acting(self._db, workspace_id) as conn:
            reached = await publish(conn, workspace_id, told)
            if reached.delivered == 0 and told.key is None:
                await inbox.note_refusal(conn, workspace_id, _event(told), "Nothing listens to it.")
            await audit.note(conn, workspace_id, "event", told.name, told.name, "published")
        reached.tell(workspace_id, self._hub)
        return {"delivered": reached.delivered}


def _told(body: Json) -> Told:
    given = object_of(body, ("name", "key", "data"))
    name, key = given.get("name"), given.get("key")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise Invalid("name.invalid", f"`name` must be a text of 1 to {LONGEST_NAME} printable characters.")
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if key is not None and (not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY or not key.isprintable()):
        raise Invalid(
            "key.invalid", f"`key` must be a text of 1 to {LONGEST_KEY} printable characters, or a whole number."
        )
    told = Told(name, key, given.get("data"))
    if told.size > LARGEST:
        raise Problem(413, "body.too_large", f"The data of an event is larger than {LARGEST // 2**20} MB.")
    return told


async def _start(conn: Connection, workspace_id: WorkspaceId, listener: Listener, told: Told) -> bool:
    """Whether the trigger takes it."""
    event = _event(told, listener)
    if len(told.chain) >= LONGEST_CHAIN:
        why = f"{len(told.chain)} runs in a row were started by each other's events: that looks like an endless loop."
        await inbox.note_refusal(conn, workspace_id, event, why)
        return False
    try:
        if not _lets(listener, told):
            return False
    except (ExpressionError, NeedsData) as error:
        await inbox.note_refusal(conn, workspace_id, event, f"The trigger's filter can't be evaluated: {error}")
        return False
    await inbox.note(conn, workspace_id, event)
    return True


def _lets(listener: Listener, told: Told) -> bool:
    if listener.filter is None:
        return True
    trigger = event_trigger(listener.trigger_id, told.name, told.key, told.data)
    scope = {"trigger": as_value(trigger), "input": as_value(told.data)}
    return truth(compile_value(listener.filter).render(scope, Budget(_STEPS, _SIZE)))


async def _end_waits(conn: Connection, workspace_id: WorkspaceId, key: str, told: Told) -> list[RunId]:
    """The runs that it woke. The key's lock is held."""
    woken: list[RunId] = []
    for wait in await events.waits(conn, workspace_id, key):
        if wait.open:
            if not await fits(wait.schema, told.data, told.size):
                continue
            if await resumes.answer(conn, workspace_id, wait.run_id, wait.path, told.data):
                woken.append(wait.run_id)
        await events.wait_no_more(conn, workspace_id, wait.run_id, wait.path)
    return woken


def _event(told: Told, listener: Listener | None = None) -> NewEvent:
    raw = dumps(told.data)
    head: JsonObject = {"name": told.name, "key": told.key, "chain": [str(one) for one in told.chain]}
    return NewEvent(
        source=f"event:{told.name}" if listener is None else f"event:{listener.workflow_id}:{listener.trigger_id}",
        kind="event",
        workflow_id=None if listener is None else listener.workflow_id,
        trigger_id=None if listener is None else listener.trigger_id,
        head=head,
        raw=raw,
        size=len(raw),
    )
