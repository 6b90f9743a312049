"""Runs: taken in, begun, cancelled. What they write while they go is `db.record`; reading them is `db.run_rows`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.data import Payload, fitting_key, json_or_none
from db.documents import CompiledDocument
from db.ids import ApiKeyId, RunId, WorkflowId, WorkspaceId
from db.inbox import HeldEvent, NewEvent, closed_content
from db.json import Json, dumps, plain_text
from db.log_seal import LogPlace
from db.run_rows import Carrier, LogLevel
from db.search_words import words_of
from db.statements import command, rows, values

QueueState = Literal["blocked", "capped", "ready", "starting", "started"]


class EventGone(Exception):
    """The event waits no more, or somebody else has it."""


class UnknownWorkflow(LookupError):
    """The workspace has no such workflow, or it was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Claim the run for `holder` in the moment of its acceptance, if the rules of the queue let it go at once."""

    holder: str
    lease_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to take in. `version` 0 is the draft. `trigger` is the whole object, its large parts references to `payloads`.

    `queued` false: it will be recorded as ended by the caller and never waits (simulations). `counted` false: it does not
    count under the workflow's cap (children). `reply_until`: somebody waits for an answer until then. `searched`: the trigger with its
    large parts, whose words find the run; as `trigger` unless given. `chain`: the workflows whose runs led to this one; a child has its parent's
    and its parent unless given.
    """

    run_id: RunId
    workspace_id: WorkspaceId
    workflow_id: WorkflowId
    version: int
    document: CompiledDocument
    trigger_type: str
    trigger: Json
    trigger_id: str | None = None
    carrier: Carrier = "temporal"
    warnings: Json = None
    test: bool = False
    options: Json = None
    replay_of: RunId | None = None
    parent_run_id: RunId | None = None
    parent_path: str | None = None
    depth: int = 0
    chain: Sequence[WorkflowId] | None = None
    origin: str | None = None
    reply_until: datetime | None = None
    concurrency_key: str | None = None
    log: LogLevel = "full"
    retention_days: int = 30
    queued: bool = True
    counted: bool = True
    claim: Claim | None = None
    searched: Json = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """`duplicate`: `run_id` is the run that the first such event started. `state` and `lease_epoch`: see the queue; None outside it."""

    run_id: RunId
    duplicate: bool
    state: QueueState | None
    lease_epoch: int | None

    @property
    def claimed(self) -> bool:
        """The caller holds the lease that it asked for and starts the run."""
        return self.state == "starting" and not self.duplicate


@dataclass(frozen=True, slots=True)
class _Outcome:
    outcome: Literal["accepted", "duplicate", "event_missing", "document_missing", "workflow_missing"]
    run_id: UUID
    state: QueueState | None
    epoch: int | None


@dataclass(frozen=True, slots=True)
class _Response:
    response: Json


@dataclass(frozen=True, slots=True)
class CancelOutcome:
    """`ended`: before this call; `cancelled`: by this call; `requested`: its carrier is told. `next_run` may go now."""

    outcome: Literal["unknown", "ended", "cancelled", "requested"]
    next_run: RunId | None


_ACCEPT = rows("runs", "accept", _Outcome)
_CANCEL = rows("runs", "request_cancel", CancelOutcome)
_RESPONSE = values("runs", "keep_response", str)
_KEPT_RESPONSE = rows("runs", "kept_response", _Response)
_PIN = values("runs", "pin", str)
_UNPIN = command("runs", "unpin")


async def accept(
    connection: Connection, run: NewRun, event: NewEvent | HeldEvent | None = None, payloads: Sequence[Payload] = ()
) -> Accepted:
    """Take a run in, or find the one that the same event started before. `payloads` are what `trigger` refers to.

    One trip; two when the document is new here. Raises UnknownWorkflow, EventGone.
    """
    seal = await log_seal.wanted(connection.seal, run.workspace_id)

    def at(column: str) -> LogPlace:
        return log_seal.of_run(run.workspace_id, column, run.run_id)

    given: dict[str, object] = {
        "header": dumps(_header(run, event)),
        "trigger_data": dumps(await log_seal.closed(seal, at("trigger"), run.trigger)),
        "options_data": json_or_none(await log_seal.closed(seal, at("options"), run.options)),
        "warnings_data": json_or_none(await log_seal.closed_lines(seal, at("warnings"), run.warnings)),
        "words": words_of(run.trigger if run.searched is None else run.searched) if seal is None else [],
        "refs": [payload.ref for payload in payloads],
        "bodies": [await log_seal.closed_body(seal, run.workspace_id, one.ref, one.body) for one in payloads],
        "event_head": None,
        "event_raw": None,
    }
    if isinstance(event, NewEvent):
        given["event_head"], given["event_raw"] = await closed_content(connection.seal, run.workspace_id, event)
    found = await connection.one(_ACCEPT, compiled_data=None, **given)
    if found.outcome == "document_missing":
        found = await connection.one(_ACCEPT, compiled_data=dumps(run.document.compiled), **given)
    if found.outcome == "event_missing":
        raise EventGone
    if found.outcome == "workflow_missing":
        raise UnknownWorkflow(f"there is no workflow {run.workflow_id}")
    return Accepted(RunId(found.run_id), found.outcome == "duplicate", found.state, found.epoch)


def _header(run: NewRun, event: NewEvent | HeldEvent | None) -> Json:
    queue: dict[str, Json] = {"counted": run.counted}
    if run.claim is not None:
        queue |= {"holder": run.claim.holder, "lease_s": run.claim.lease_s}
    return {
        "run_id": str(run.run_id),
        "workspace_id": run.workspace_id,
        "workflow_id": str(run.workflow_id),
        "version": run.version,
        "compiled_hash": run.document.hash,
        "content_hash": run.document.content_hash,
        "trigger_type": run.trigger_type,
        "trigger_id": run.trigger_id,
        "carrier": run.carrier,
        "test": run.test,
        "replay_of": _text(run.replay_of),
        "parent_run_id": _text(run.parent_run_id),
        "parent_path": run.parent_path,
        "depth": run.depth,
        "chain": None if run.chain is None else [str(one) for one in run.chain],
        "origin": run.origin,
        "reply_until": run.reply_until.isoformat() if run.reply_until else None,
        "concurrency_key": None if run.concurrency_key is None else fitting_key(run.concurrency_key),
        "log": run.log,
        "retention_days": run.retention_days,
        "event": _event(event),
        "queue": queue if run.queued else None,
    }


def _event(event: NewEvent | HeldEvent | None) -> Json:
    if isinstance(event, HeldEvent):
        return {"event_id": str(event.event_id), "epoch": event.epoch}
    return None if event is None else event.header()


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


async def request_cancel(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, reason: str | None = None
) -> CancelOutcome:
    """Ask a run to stop. Each run in a transaction of its own: see the order of locks in the migrations."""
    return await connection.one(
        _CANCEL, workspace_id=workspace_id, run_id=run_id, reason=None if reason is None else plain_text(reason)
    )


async def keep_response(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, answer: Json
) -> Literal["delivered", "nobody", "second"]:
    """Keep `answer` for whoever waits until `reply_until`. The same answer again is `delivered` again."""
    seal = await log_seal.wanted(connection.seal, workspace_id)
    place = log_seal.of_run(workspace_id, "response", run_id)
    kept = await log_seal.closed(seal, place, answer)
    said = await connection.one(_RESPONSE, workspace_id=workspace_id, run_id=run_id, answer=dumps(kept))
    if said == "second" and connection.seal is not None:
        # Closed twice, the same answer isn't the same text.
        first = await connection.maybe(_KEPT_RESPONSE, workspace_id=workspace_id, run_id=run_id)
        if first is not None and await log_seal.opened(connection.seal, place, first.response) == answer:
            said = "delivered"
    return cast("Literal['delivered', 'nobody', 'second']", said)


async def pin(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, by: ApiKeyId, reason: str | None
) -> Literal["pinned", "going", "unknown"]:
    """Keep the run from retention until it is unpinned. `going`: weeks are being dropped at this moment; ask again in a while."""
    why = None if reason is None else plain_text(reason)
    said = await connection.one(_PIN, workspace_id=workspace_id, run_id=run_id, api_key_id=by, why=why)
    return cast("Literal['pinned', 'going', 'unknown']", said)


async def unpin(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> bool:
    """Retention takes the run at its time again. False, and nothing changes, where it wasn't pinned."""
    return await connection.count(_UNPIN, workspace_id=workspace_id, run_id=run_id) > 0
