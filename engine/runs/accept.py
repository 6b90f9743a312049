"""Taking a run in: checks, keys, one commit, and the hand-over to this process's dispatcher.

All that can be refused is refused here, before anything is written: after the commit a run is never lost and always ends in a state. PostgreSQL
alone is needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from db import record, runs, variables
from db.connection import Connection
from db.data import Payload, ref_of
from db.documents import CompiledDocument
from db.errors import DatabaseUnavailable
from db.ids import EventId, RunId, WorkflowId, WorkspaceId, new_uuid7
from db.inbox import EventKind, HeldEvent, NewEvent
from db.pool import Database
from db.queue import Claimed
from db.record import End
from db.runs import Claim, NewRun, UnknownWorkflow
from engine.core.errors import StepError
from engine.dispatch.dispatcher import Dispatcher
from engine.expressions.template import Template
from engine.expressions.values import Json, Ref, to_json
from engine.hub import Hub, Kind
from engine.input_check import check
from engine.problems import Invalid, NotFound, Problem, Unavailable
from engine.runs.keys import Key, accept_scope, evaluate_key, reads_variables
from engine.runs.prepared import Prepared
from engine.triggers.body import BODY_LIMIT
from modules.sdk.json_bytes import dumps

INLINE = 32 * 1024
"""Bytes of a part of the trigger that travel with it; larger ones go by reference."""

JsonObject = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came from outside: `head` is what the sender said around the body, `raw` the body as it came."""

    kind: EventKind
    head: Json
    raw: bytes
    event_id: EventId


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run that is asked for. `version` 0 is the draft. `dedupe` gives the key of the event that asks, `source` whose key it is, and
    `came` what it brought; or the event waits in the inbox already, and is `waited`."""

    workspace_id: WorkspaceId
    workflow_id: WorkflowId
    name: str
    version: int
    prepared: Prepared
    trigger: JsonObject
    options: JsonObject | None = None
    test: bool = False
    source: str | None = None
    dedupe: Template | str | None = None
    dedupe_window_s: float = 86_400.0
    came: Arrival | None = None
    waited: HeldEvent | None = None
    replay_of: RunId | None = None
    origin: str | None = None
    parent_run_id: RunId | None = None
    parent_path: str | None = None
    depth: int = 0
    chain: Sequence[WorkflowId] | None = None
    """The workflows whose runs led to this one."""
    reply_until: datetime | None = None
    held: frozenset[str] = frozenset()
    """Concurrency keys that whoever waits for this run holds: it runs in their place."""
    run_id: RunId | None = None
    """Given where something was stored for the run before it is accepted."""
    first: Callable[[Connection], Awaitable[None]] | None = None
    """Done in the transaction that takes the run in, before it; what it raises undoes both."""
    then: Callable[[Connection], Awaitable[None]] | None = None
    """Done in the same transaction after it, unless the event was here before."""
    nobody_asks: bool = False
    """There is no caller to refuse: a run whose input doesn't fit is taken in, and fails with `input.invalid`."""
    fault: StepError | None = None
    """The run can't go; it is taken in and fails with this."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`duplicate`: the event was here before and `run_id` is what it started then. `claimed`: it starts from this process."""

    run_id: RunId
    duplicate: bool
    claimed: bool


class Acceptor:
    def __init__(self, db: Database, hub: Hub, dispatcher: Dispatcher) -> None:
        self._db = db
        self._hub = hub
        self._dispatcher = dispatcher
        self.taken = 0
        """Runs that this process has taken in since it began."""

    async def accept(self, entry: Entry) -> Taken:
        """Raises `Problem`: 422 `input.invalid`, 413, 404 (deleted meanwhile), 503; `EventGone` for one that waited."""
        document = entry.prepared.document
        trigger, payloads, size = _stored(entry.trigger)
        fault = entry.fault
        if document.input_schema is not None and fault is None:
            try:
                await check_input(document.input_schema, entry.trigger.get("body"), size)
            except Invalid as invalid:
                if not entry.nobody_asks:
                    raise
                fault = StepError(invalid.code, invalid.detail, details=dict(invalid.extra))
        run_id = entry.run_id or RunId(new_uuid7())
        key, dedupe = await self._keys(entry, str(run_id))
        if key.key in entry.held:
            key = Key(None)
        lease = self._dispatcher.lease() if fault is None else None
        new = NewRun(
            run_id=run_id,
            workspace_id=entry.workspace_id,
            workflow_id=entry.workflow_id,
            version=entry.version,
            document=CompiledDocument(
                hash=entry.prepared.compiled_hash,
                content_hash=entry.prepared.content_hash,
                compiled=entry.prepared.compiled,
            ),
            trigger_type=str(entry.trigger["type"]),
            trigger_id=cast("str | None", entry.trigger["id"]),
            trigger=trigger,
            searched=entry.trigger if payloads else None,
            warnings=_warnings(key, dedupe),
            test=entry.test,
            options=entry.options,
            replay_of=entry.replay_of,
            origin=entry.origin,
            parent_run_id=entry.parent_run_id,
            parent_path=entry.parent_path,
            depth=entry.depth,
            chain=entry.chain,
            counted=entry.parent_run_id is None,
            reply_until=entry.reply_until,
            concurrency_key=key.key,
            log=document.settings.log,
            retention_days=document.settings.retention_days,
            claim=None if lease is None else Claim(holder=lease.holder, lease_s=lease.seconds),
        )
        event = _event(entry, dedupe)
        try:
            if entry.first is None and entry.then is None and fault is None:
                async with self._db.single() as conn:
                    accepted = await runs.accept(conn, new, event, payloads)
            else:
                async with self._db.engine(entry.workspace_id) as conn:
                    if entry.first is not None:
                        await entry.first(conn)
                    accepted = await runs.accept(conn, new, event, payloads)
                    if entry.then is not None and not accepted.duplicate:
                        await entry.then(conn)
                    if fault is not None and not accepted.duplicate:
                        await _fail(conn, new, fault)
        except DatabaseUnavailable as error:
            raise Unavailable from error
        except UnknownWorkflow:
            raise NotFound("workflow", entry.name) from None
        if accepted.duplicate:
            return Taken(accepted.run_id, True, False)
        self.taken += 1
        self._hub.publish(entry.workspace_id, str(run_id), Kind.CHANGED if fault is None else Kind.ENDED)
        if accepted.claimed:
            assert accepted.lease_epoch is not None
            self._dispatcher.offer(
                Claimed(
                    run_id=run_id,
                    workspace_id=entry.workspace_id,
                    workflow_id=entry.workflow_id,
                    epoch=accepted.lease_epoch,
                    attempts=1,
                    recovered=False,
                )
            )
        else:
            self._dispatcher.look()
        return Taken(run_id, False, accepted.claimed)

    async def _keys(self, entry: Entry, run_id: str) -> tuple[Key, Key]:
        """The concurrency key and the dedupe key, by one scope."""
        concurrency = entry.prepared.concurrency_key
        dedupe = entry.dedupe
        templates = [one for one in (concurrency, dedupe) if isinstance(one, Template)]
        if not templates:
            return Key(None), Key(dedupe if isinstance(dedupe, str) else None)
        known: Mapping[str, Json] = {}
        if any(reads_variables(one) for one in templates):
            try:
                async with self._db.single() as conn:
                    known = await variables.all_values(conn, entry.workspace_id)
            except DatabaseUnavailable as error:
                raise Unavailable from error
        workflow: JsonObject = {"id": str(entry.workflow_id), "name": entry.name, "version": entry.version or "draft"}
        scope = accept_scope(entry.trigger, known, workflow, run_id)
        key = Key(None) if concurrency is None else evaluate_key(concurrency, scope, "concurrency_key")
        if isinstance(dedupe, Template):
            return key, evaluate_key(dedupe, scope, "dedupe_key")
        return key, Key(dedupe)


async def check_input(schema: JsonObject, body: Json, size: int) -> None:
    """Raises `Invalid` (`input.invalid`) with what is wrong, each with its place in the input."""
    wrong = await check(schema, body, size=size)
    if wrong:
        first = wrong[0]
        told = f"{first['path'] or '/'}: {first['message']}" if isinstance(first, dict) else ""
        raise Invalid(
            "input.invalid", f"The input doesn't fit the workflow's input_schema. {told}", extra={"errors": wrong}
        )


def _event(entry: Entry, dedupe: Key) -> NewEvent | HeldEvent | None:
    if entry.waited is not None or entry.source is None:
        return entry.waited
    event = NewEvent(
        source=entry.source,
        workflow_id=entry.workflow_id,
        dedupe_key=dedupe.key,
        window_s=entry.dedupe_window_s if dedupe.key is not None else None,
    )
    if entry.came is None:
        return event
    trigger_id = cast("str | None", entry.trigger["id"])
    came = entry.came
    return replace(
        event,
        event_id=came.event_id,
        kind=came.kind,
        trigger_id=trigger_id,
        head=came.head,
        raw=came.raw,
        size=len(came.raw),
    )


async def _fail(conn: Connection, run: NewRun, fault: StepError) -> None:
    end = End(status="failed", finished_at=datetime.now(UTC), error=fault.to_json())
    await record.record(conn, run.workspace_id, run.run_id, [], end=end)


def _stored(trigger: JsonObject) -> tuple[JsonObject, list[Payload], int]:
    """The trigger as its row keeps it, the payloads that it then refers to, and its size in bytes. Raises `Problem` 413."""
    kept: JsonObject = {}
    payloads: list[Payload] = []
    total = 0
    for name, value in trigger.items():
        if name == "body" and trigger["type"] == "queue" and isinstance(kept.get("items"), dict):
            # The items stand beside the body and in it: large ones are kept once.
            kept[name] = {"items": kept["items"]}
            continue
        data = dumps(value)
        total += len(data)
        if len(data) <= INLINE:
            kept[name] = value
            continue
        ref = ref_of(data)
        payloads.append(Payload(ref, data))
        kept[name] = to_json(Ref(ref, len(data), _kind(value)))
    if total > BODY_LIMIT + 256 * 1024:
        raise Problem(413, "body.too_large", f"The input is larger than {BODY_LIMIT // 2**20} MB.")
    return kept, payloads, total


def _kind(value: Json) -> str:
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


def _warnings(*keys: Key) -> Json:
    now = datetime.now(UTC).timestamp()
    lines: list[Json] = [
        {"at": now, "level": "warning", "message": key.warning} for key in keys if key.warning is not None
    ]
    return lines or None
