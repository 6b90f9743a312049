"""Running an ended run again: as a new run, with the same trigger or another input, from its beginning or from a step.

A replay takes the bytes that the old run was accepted with, unless a version is named. From a step, the outputs of all that isn't downstream
of it are taken over as rows of the new run, marked `replay`. It has idempotency keys of its own, so that effects happen again, unless it asks
for `keys: same`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from db import audit, documents, payloads, replays, run_rows, steps
from db.connection import Connection
from db.errors import DatabaseUnavailable
from db.ids import RunId, WorkflowId, WorkspaceId, new_uuid7
from db.pool import Database
from db.run_rows import RunRow
from engine.activities.run_log import log_row_of
from engine.authority import Authority, authorise
from engine.core.from_rows import UnknownStep, from_rows
from engine.core.plan import build_plan
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json, refs_in, to_json
from engine.problems import Conflict, Invalid, NotFound, Problem, Unavailable
from engine.runs.accept import Acceptor, Entry, check_input
from engine.runs.effects import Writes, from_a_step, of_whole
from engine.runs.lookup import Lookup, Target, VersionName, version_name
from engine.runs.prepared import PreparedDocuments
from engine.runs.reading import acting
from engine.runs.request_body import object_of
from engine.runs.stored import whole_value
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

_KEYS = ("from_step", "input", "version", "keys")


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """`new_input` false: the old trigger as it was. `version` None: what the old run ran."""

    from_step: str | None = None
    input: Json = None
    new_input: bool = False
    version: VersionName | None = None
    keys: Literal["new", "same"] = "new"

    @staticmethod
    def read(body: Json, also: tuple[str, ...] = ()) -> ReplayRequest:
        """From a request's body, which may hold the keys in `also` beside. Raises `Invalid`."""
        body = object_of({} if body is None else body, (*_KEYS, *also))
        from_step, version, keys = body.get("from_step"), body.get("version"), body.get("keys")
        if from_step is not None and not isinstance(from_step, str):
            raise Invalid("request.invalid", "`from_step` must be the path of a step, as `each_line[3].line`.")
        if keys is not None and keys != "same" and keys != "new":
            raise Invalid("request.invalid", f"`keys` is {keys!r}; it must be `same` or `new`.")
        return ReplayRequest(
            from_step=from_step,
            input=body.get("input"),
            new_input="input" in body,
            version=None if version is None else version_name(version),
            keys="same" if keys == "same" else "new",
        )


@dataclass(frozen=True, slots=True)
class Ready:
    """A replay that nothing stands against."""

    run: RunRow
    request: ReplayRequest
    target: Target
    trigger: JsonObject


Targets: TypeAlias = "dict[tuple[WorkflowId, int, str], Target]"
"""By what a run ran: workflow, version and the hash of its compiled document. For replays of one request."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Replays of many runs under one name: each run is replayed once by it, however often it is made, for a day."""

    name: str

    @property
    def source(self) -> str:
        return f"replay:{self.name}"


class Replayer:
    def __init__(self, db: Database, lookup: Lookup, prepared: PreparedDocuments, acceptor: Acceptor) -> None:
        self._db = db
        self._lookup = lookup
        self._prepared = prepared
        self._acceptor = acceptor

    async def replay(
        self,
        workspace_id: WorkspaceId,
        run_id: RunId,
        request: ReplayRequest,
        operation: Operation | None = None,
        *,
        authority: Authority,
    ) -> RunId:
        """The new run's id; of the same operation always the same one.

        Raises `NotFound`, `Conflict` (not ended), `Invalid` (no such step, nothing kept), `Unavailable`.
        """
        async with acting(self._db, workspace_id) as conn:
            run = await run_rows.get(conn, run_id)
        if run is None:
            raise NotFound("run", str(run_id))
        return await self.carry_out(await self.prepare(run, request, authority=authority), operation)

    async def prepare(
        self, run: RunRow, request: ReplayRequest, targets: Targets | None = None, *, authority: Authority
    ) -> Ready:
        """All that can be refused is refused here; nothing is changed. Raises as `replay`. `targets`: found for other runs just before."""
        if run.finished_at is None:
            raise Conflict(
                "run.open", f"The run is {run.status}: it can be replayed when it has ended, or cancelled first."
            )
        _refuse_without_log(run, request)
        known = {} if targets is None else targets
        place = (run.workflow_id, run.version, run.compiled_hash)
        target = known.get(place) or known.setdefault(place, await self._target(run, request.version, authority))
        try:
            trigger = await self._trigger(run, target, request)
        except DatabaseUnavailable as error:
            raise Unavailable from error
        schema = target.prepared.document.input_schema
        if schema is not None:
            body = trigger.get("body")
            await check_input(schema, body, len(dumps(body)))
        return Ready(run, request, target, trigger)

    async def effects(self, ready: Ready) -> Writes:
        """Which writes a replay from a step makes again. Raises `Invalid` where there is no such step."""
        run, from_step = ready.run, ready.request.from_step
        async with acting(self._db, run.workspace_id) as conn:
            if from_step is None:
                return await of_whole(conn, run.workspace_id, [run.run_id])
            try:
                return await from_a_step(conn, run, build_plan(ready.target.prepared.compiled), from_step)
            except UnknownStep:
                raise _no_step(
                    from_step, [call.path for call in await replays.calls(conn, run.workspace_id, run.run_id)]
                ) from None

    async def carry_out(self, ready: Ready, operation: Operation | None = None) -> RunId:
        """The new run's id; of the same operation always the same one."""
        run, request, target = ready.run, ready.request, ready.target
        new_id = RunId(new_uuid7())
        options = {key: value for key, value in _object(run.options).items() if key != "memo"}
        try:
            if request.from_step is not None:
                options["memo"] = await self._memo(run, new_id, target, request.from_step)
        except DatabaseUnavailable as error:
            raise Unavailable from error

        async def noted(conn: Connection) -> None:
            after: JsonObject = {"run_id": str(new_id), "from_step": request.from_step, "keys": request.keys}
            await audit.note(conn, run.workspace_id, "run", run.run_id, run.workflow, "replayed", after=after)

        taken = await self._acceptor.accept(
            Entry(
                workspace_id=run.workspace_id,
                workflow_id=run.workflow_id,
                name=run.workflow,
                version=target.version,
                prepared=target.prepared,
                trigger=ready.trigger,
                options=options or None,
                test=run.test,
                replay_of=run.run_id,
                origin=run.origin if request.keys == "same" else None,
                source=None if operation is None else operation.source,
                dedupe=None if operation is None else str(run.run_id),
                run_id=new_id,
                then=noted,
            )
        )
        return taken.run_id

    async def _target(self, run: RunRow, version: VersionName | None, authority: Authority) -> Target:
        if version is not None:
            return await self._lookup.target(run.workspace_id, str(run.workflow_id), version, authority)
        async with acting(self._db, run.workspace_id) as conn:
            workflow = await self._lookup.known(conn, run.workspace_id, run.workflow_id)
            kept = await documents.get(conn, run.workspace_id, run.compiled_hash)
            if kept is None:
                gone = "The document that the run ran is no longer kept: name a `version`."
                raise Conflict("run.document_gone", gone)
            prepared = self._prepared.of_compiled(kept)
            await authorise(conn, run.workspace_id, prepared.source, authority)
        return Target(workflow, run.version, prepared)

    async def _trigger(self, run: RunRow, target: Target, request: ReplayRequest) -> JsonObject:
        trigger = _object(await whole_value(self._db, run, run.trigger))
        if run.trigger_id is not None and run.trigger_id not in target.prepared.document.triggers:
            raise Invalid("trigger.unknown", f"That version has no trigger {run.trigger_id!r}, at which the run began.")
        return {**trigger, "body": request.input} if request.new_input else trigger

    async def _memo(self, run: RunRow, new_id: RunId, target: Target, from_step: str) -> Json:
        """What is taken over. Large data that it refers to is copied, since the old run may expire first."""
        async with self._db.engine(run.workspace_id) as conn:
            rows = await steps.journal(conn, run.workspace_id, run.run_id)
            try:
                memo = from_rows([log_row_of(row) for row in rows], build_plan(target.prepared.compiled), from_step)
            except UnknownStep:
                raise _no_step(from_step, [row.path for row in rows]) from None
            refs = sorted({ref.ref for entry in memo.values() for ref in refs_in(entry)})
            if refs:
                await payloads.copy(conn, run.workspace_id, run.run_id, new_id, refs)
        return {path: to_json(entry) for path, entry in memo.items()}


def _no_step(from_step: str, paths: list[str]) -> Invalid:
    hint = suggestion(from_step, paths)
    return Invalid("step.unknown", f"The document has no step {from_step!r}.{hint}")


def _refuse_without_log(run: RunRow, request: ReplayRequest) -> None:
    stripped = run.log == "none" or (run.log == "errors" and run.status == "succeeded")
    if request.from_step is not None and stripped:
        raise Problem(
            422,
            "replay.no_log",
            f"The run kept no outputs (`log: {run.log}`), so it can't be replayed from a step. Replay it whole.",
        )
    if run.log == "none" and not request.new_input:
        raise Problem(422, "replay.no_input", "The run kept no data (`log: none`): give it an `input`.")


def _object(value: Json) -> JsonObject:
    return dict(value) if isinstance(value, Mapping) else {}
