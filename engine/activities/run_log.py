"""The run's log in PostgreSQL. Each write is one call of one function there, and one commit.

Rows show data up to 256 KiB as it is; larger data lies in `workflow_payloads`, under the address that the workflow's own references use,
and is written in the same commit. Whatever goes into a row passes the redactor here, and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from db import connections, rates, record, resumes, run_rows, runs, steps
from db import payloads as payload_rows
from db.connection import Connection
from db.data import Payload, ref_of
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.record import End, NewStep, UnknownRun
from engine.activities.host import Head
from engine.activities.keyed_waits import KeyedWait, take_or_wait
from engine.activities.log import Key, Written
from engine.activities.secrets import NoSecrets, RunSecrets
from engine.activities.starts import Turn
from engine.activities.stored import IN_LOG, INLINE, kept, referred
from engine.core.effects import ChildEnd, Response
from engine.core.errors import StepError
from engine.core.from_rows import LogRow
from engine.core.records import RunEnd, RunStatus, StepRecord, StepStatus
from engine.expressions.values import Json, Value, from_json, refs_in, to_json
from engine.stale import StaleWrites
from engine.wire import dump_lines, load_error, load_lines
from modules.sdk.json_bytes import dumps
from workspace.secrets.redactor import Redactor

log = logging.getLogger("millstream.worker")

_NO_SECRETS = Redactor(())
_ENDS: tuple[str, ...] = ("succeeded", "failed", "cancelled", "timed_out")


class _Refused(Exception):
    """The step's row stands already: what was done with it is undone."""


class DatabaseLog:
    """`RunLog` and `Facts` over the database; every function raises `DatabaseUnavailable`."""

    def __init__(self, db: Database, secrets: RunSecrets | None = None, stale: StaleWrites | None = None) -> None:
        self._db = db
        self._secrets = secrets or NoSecrets()
        self._stale = stale or StaleWrites()

    async def write(
        self,
        head: Head,
        rows: Sequence[StepRecord],
        *,
        waiting: bool | None,
        end: RunEnd | None = None,
        payloads: Sequence[bytes] = (),
    ) -> Written:
        redactor = await self._secrets.redactor(head)
        async with self._db.single() as connection:
            return await self.write_on(
                connection, head, rows, waiting=waiting, end=end, payloads=payloads, redactor=redactor
            )

    async def write_on(
        self,
        connection: Connection,
        head: Head,
        rows: Sequence[StepRecord],
        *,
        waiting: bool | None,
        end: RunEnd | None = None,
        payloads: Sequence[bytes] = (),
        redactor: Redactor = _NO_SECRETS,
    ) -> Written:
        """The same inside of a transaction of the caller's, who has the redactor at hand: getting it may read from the database."""
        bodies = {ref_of(body): body for body in payloads}
        given = [_step(row, bodies, redactor) for row in rows]
        ended = None if end is None else _end(end, bodies, redactor)
        try:
            written = await record.record(
                connection,
                WorkspaceId(head.workspace_id),
                _id(head.run_id),
                given,
                waiting=waiting,
                began_at=_moment(head.started_at),
                end=ended,
                payloads=[Payload(ref, body) for ref, body in bodies.items()],
            )
        except UnknownRun:
            # It ended, its execution didn't hear so, and then it was purged. Should it be there after all, the reconciler finds
            # it without an execution, and starts it again.
            log.warning("run %s is gone; its execution ends", head.run_id)
            return Written(frozenset((row.path, row.attempt) for row in rows), stop=True, closed=True)
        closed = written.status in _ENDS and not written.finished_now
        for path, attempt in written.refused:
            self._stale.refused("step", head.run_id, f"{path}#{attempt}")
        return Written(frozenset(written.refused), written.cancel_requested or closed, closed)

    async def write_staged(self, head: Head, do: Callable[[Connection], Awaitable[Sequence[StepRecord]]]) -> Written:
        written = Written()
        redactor = await self._secrets.redactor(head)  # before the transaction: it may read on its own
        try:
            async with self._db.engine(WorkspaceId(head.workspace_id)) as connection:
                # First of all locks: see the order of locks in the migrations.
                await record.hold(connection, _id(head.run_id))
                rows = await do(connection)
                written = await self.write_on(connection, head, rows, waiting=False, redactor=redactor)
                last = rows[-1]
                if (last.path, last.attempt) in written.refused:
                    raise _Refused
        except _Refused:
            pass
        return written

    async def row(self, head: Head, key: Key) -> StepRecord | None:
        async with self._db.single() as connection:
            found = await steps.one(connection, WorkspaceId(head.workspace_id), _id(head.run_id), key[0], key[1])
        return None if found is None else record_of(found)

    async def journal(self, head: Head) -> dict[Key, StepRecord]:
        async with self._db.single() as connection:
            found = await steps.journal(connection, WorkspaceId(head.workspace_id), _id(head.run_id))
        return {(row.path, row.attempt): record_of(row) for row in found}

    def payloads(self, head: Head) -> RunPayloads:
        return RunPayloads(self._db, head)

    async def resume_body(self, head: Head, path: str) -> tuple[Json] | None:
        async with self._db.single() as connection:
            found = await resumes.get(connection, WorkspaceId(head.workspace_id), _id(head.run_id), path)
        return None if found is None else (found.body,)

    async def event_body(self, head: Head, wait: KeyedWait) -> tuple[Json] | None:
        workspace_id = WorkspaceId(head.workspace_id)
        async with self._db.engine(workspace_id) as connection:
            return await take_or_wait(connection, workspace_id, _id(head.run_id), wait)

    async def respond(self, head: Head, response: Response) -> bool:
        answer: Json = {
            "status": response.status,
            "headers": cast("Json", response.headers),
            "body": to_json(response.body),
        }
        redactor = await self._secrets.redactor(head)
        answer = redactor.json(answer)
        async with self._db.single() as connection:
            said = await runs.keep_response(connection, WorkspaceId(head.workspace_id), _id(head.run_id), answer)
        return said == "delivered"

    async def child_end(self, head: Head, run_id: str) -> ChildEnd | None:
        async with self._db.single() as connection:
            child = await run_rows.get(connection, _id(run_id))
        if child is None or child.workspace_id != head.workspace_id:
            error = StepError("subworkflow.unknown", f"The child run {run_id!r} is no longer there.")
            return ChildEnd("failed", None, error)
        if child.status not in ("succeeded", "failed", "cancelled", "timed_out"):
            return None
        return ChildEnd(child.status, await self._taken_over(head, run_id, child.output), load_error(child.error))

    async def take_start(self, head: Head, key: str, count: int, per: float) -> Turn:
        async with self._db.single() as connection:
            start = await rates.take_start(
                connection, WorkspaceId(head.workspace_id), "step", key, count, per, reserve=True
            )
        return Turn(start.due, start.wait_s)

    async def take_turn_of(self, head: Head, connection: str) -> Turn:
        workspace_id = WorkspaceId(head.workspace_id)
        async with self._db.single() as db:
            found = await connections.by_name(db, workspace_id, connection)
            if found is None or found.rate_count is None or found.rate_per is None:
                return Turn(0.0, 0.0)
            key = str(found.connection_id)
            start = await rates.take_start(
                db, workspace_id, "connection", key, found.rate_count, found.rate_per, reserve=True
            )
        return Turn(start.due, start.wait_s)

    async def _taken_over(self, head: Head, run_id: str, output: Json) -> Value:
        """A child's large output becomes the parent's own."""
        value = from_json(output)
        refs = [ref.ref for ref in refs_in(value)]
        if not refs:
            return await kept(output, dumps(output), self.payloads(head), INLINE)
        async with self._db.single() as connection:
            await payload_rows.copy(connection, WorkspaceId(head.workspace_id), _id(run_id), _id(head.run_id), refs)
        return value


class RunPayloads:
    """The payloads of one run."""

    def __init__(self, db: Database, head: Head) -> None:
        self._db = db
        self._workspace = WorkspaceId(head.workspace_id)
        self._run = _id(head.run_id)

    async def put(self, data: bytes) -> str:
        async with self._db.single() as connection:
            return await payload_rows.put(connection, self._workspace, self._run, data)

    async def get(self, address: str) -> bytes | None:
        async with self._db.single() as connection:
            found = await payload_rows.get(connection, self._workspace, self._run, address)
        return None if found is None or found.kind != "data" else found.body


def record_of(row: steps.StepRow) -> StepRecord:
    """A row of the log as the engine's own record; data that is too large for rows stands as references."""
    return StepRecord(
        path=row.path,
        step=row.step,
        module=row.module,
        attempt=row.attempt,
        status=StepStatus(row.status),
        started_at=row.started_at.timestamp(),
        finished_at=None if row.finished_at is None else row.finished_at.timestamp(),
        iteration=row.iteration,
        input=from_json(row.input),
        output=from_json(row.output),
        error=load_error(row.error),
        handle=row.handle,
        logs=load_lines(row.logs),
        wait=row.wait_kind,
        wait_reason=row.wait_reason,
        wait_until=None if row.wait_until is None else row.wait_until.timestamp(),
        resume_url=row.resume_url,
        child_run_id=None if row.child_run_id is None else str(row.child_run_id),
        mocked=row.mocked,
        idempotency_key=row.idempotency_key,
        retry_at=None if row.retry_at is None else row.retry_at.timestamp(),
    )


def log_row_of(row: steps.StepRow) -> LogRow:
    """A row of the log as far as a memo needs it."""
    return LogRow(
        path=row.path,
        attempt=row.attempt,
        status=StepStatus(row.status),
        started_at=row.started_at.timestamp(),
        finished_at=None if row.finished_at is None else row.finished_at.timestamp(),
        input=from_json(row.input),
        output=from_json(row.output),
        error=row.error if isinstance(row.error, dict) else None,
        handle=row.handle,
        retry_at=None if row.retry_at is None else row.retry_at.timestamp(),
        wait=row.wait_kind,
        wait_until=None if row.wait_until is None else row.wait_until.timestamp(),
        child_run_id=None if row.child_run_id is None else str(row.child_run_id),
    )


def _step(row: StepRecord, bodies: dict[str, bytes], redactor: Redactor) -> NewStep:
    return NewStep(
        path=row.path,
        attempt=row.attempt,
        step=row.step,
        module=row.module,
        status=row.status.value,
        started_at=_moment(row.started_at),
        finished_at=None if row.finished_at is None else _moment(row.finished_at),
        iteration=row.iteration,
        input=_data(row.input, bodies, redactor),
        output=_data(row.output, bodies, redactor),
        error=None if row.error is None else redactor.json(row.error.to_json()),
        handle=row.handle,
        logs=_data(cast("Value", dump_lines(row.logs)), bodies, redactor) if row.logs else None,
        wait_kind=row.wait,
        wait_reason=row.wait_reason,
        wait_until=None if row.wait_until is None else _moment(row.wait_until),
        resume_url=row.resume_url,
        child_run_id=None if row.child_run_id is None else UUID(row.child_run_id),
        mocked=row.mocked,
        idempotency_key=row.idempotency_key,
        retry_at=None if row.retry_at is None else _moment(row.retry_at),
    )


def _end(end: RunEnd, bodies: dict[str, bytes], redactor: Redactor) -> End:
    if end.status not in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT):
        raise ValueError(f"a run can't end {end.status.value!r}")
    return End(
        status=end.status.value,
        finished_at=datetime.now(UTC),
        output=_data(end.output, bodies, redactor),
        error=None if end.error is None else redactor.json(end.error.to_json()),
        warnings=redactor.json(dump_lines(end.warnings)) if end.warnings else None,
    )


def _data(value: Value, bodies: dict[str, bytes], redactor: Redactor) -> Json:
    """A value as its row shows it; what is too large for that goes to `bodies`."""
    if value is None:
        return None
    data = redactor.json(to_json(value))
    shown, body = referred(data, dumps(data), IN_LOG)
    bodies.update((ref_of(one), one) for one in body)
    return to_json(shown)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _id(run_id: str) -> RunId:
    return RunId(UUID(run_id))
