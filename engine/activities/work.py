"""Module calls that are under way in this process.

A call belongs to the process and not to the activity that began it: a local activity that sees it take long goes away (`deferred`), and the
ordinary activity that follows adopts it. A call ends when its row is committed; PostgreSQL gone only delays that. Where a module itself asks
PostgreSQL for something and it goes away, the call is made again, or is lost as if with its worker (`may_repeat`): no outage fails a step.

Invariant: at most one call of a `(run, path, attempt)` is under way in a process. Between processes, rows decide: the first
terminal row of an attempt stands, and whoever comes later takes over what it says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar, cast

from db.connection import Connection
from db.pool import DatabaseUnavailable
from engine.activities.deed import Deed
from engine.activities.host import Head, Host
from engine.activities.log import RunLog, Written
from engine.activities.runner import Attempt, Unbegun, attempt, ended_with, may_read_secrets
from engine.activities.secrets import RunSecrets
from engine.activities.stored import INLINE, Payloads, kept, referred, whole
from engine.core.effects import CallOutcome, ModuleCall
from engine.core.records import StepRecord, StepStatus
from engine.expressions.values import Json, Value, as_value
from modules.sdk.context import Staged
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import ModuleError

T = TypeVar("T")
LOST = "worker.lost"
OPEN = (StepStatus.RUNNING, StepStatus.WAITING)
"""States of a row that may still change."""
_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class CutShort(Exception):
    """PostgreSQL went away under a call that mayn't be made twice. Its activity fails; the next finds the row and counts the call as lost."""


def may_repeat(call: ModuleCall) -> bool:
    """Whether a call of which nobody knows what it did is made again under the same attempt."""
    return not call.throttled and call.on_lost == "retry" and (call.effect != "write" or call.idempotent)


class Calls:
    """One per process."""

    def __init__(self, log: RunLog, host: Host, secrets: RunSecrets) -> None:
        self._log = log
        self._host = host
        self._secrets = secrets
        self._under_way: dict[tuple[str, str, int], asyncio.Task[tuple[CallOutcome, Written]]] = {}

    def under_way(self, head: Head, call: ModuleCall) -> asyncio.Task[tuple[CallOutcome, Written]] | None:
        return self._under_way.get((head.run_id, call.path, call.attempt))

    def begin(
        self, head: Head, call: ModuleCall, started_at: float, rows: list[StepRecord]
    ) -> asyncio.Task[tuple[CallOutcome, Written]]:
        """Make the call. `rows` are committed with its own; whoever takes them out of the list before has to write them."""
        key = (head.run_id, call.path, call.attempt)
        task = asyncio.create_task(self._make(head, call, started_at, rows), name=f"call {call.path}#{call.attempt}")
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return task

    async def stop(self) -> None:
        """Cancel what is under way, when the process ends."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(
        self, head: Head, call: ModuleCall, started_at: float, rows: list[StepRecord]
    ) -> tuple[CallOutcome, Written]:
        payloads = self._log.payloads(head)
        scope = await patiently(lambda: whole(cast("Value", call.scope), payloads))
        readable = may_read_secrets(call, self._host)
        given = await patiently(lambda: self._secrets.give(head, readable=readable))

        async def call_once() -> Attempt:
            try:
                return await attempt(head, call, self._host, cast("Mapping[str, Value]", scope), started_at, given)
            except DatabaseUnavailable as error:
                if isinstance(error, Unbegun) or may_repeat(call):
                    raise
                raise CutShort(str(error)) from error

        made = await patiently(call_once)
        return await patiently(lambda: self._commit(head, call, made, payloads, rows))

    async def _commit(
        self, head: Head, call: ModuleCall, made: Attempt, payloads: Payloads, rows: list[StepRecord]
    ) -> tuple[CallOutcome, Written]:
        if call.bare:
            return await self._leave(head, made, rows)
        if made.staged is not None:
            made, written = await self._commit_staged(head, call, made, made.staged, rows)
            output: Value = as_value(made.output)
        else:
            output, bodies = referred(made.output, made.output_bytes, INLINE)
            sending = [*rows, _row(call, made)]
            written = await self._log.write(head, sending, waiting=False, payloads=bodies)
            del rows[: len(sending) - 1]
        if (key := (call.path, call.attempt)) in written.refused:
            standing = await self._log.row(head, key)
            if standing is not None and standing.status not in OPEN:
                return await outcome_of(standing, payloads), written
        outcome = CallOutcome(
            output=output,
            handles=made.handles,
            error=made.error,
            retry_at=made.retry_at,
            started_at=made.started_at,
            finished_at=made.finished_at,
        )
        return outcome, written

    async def _leave(self, head: Head, made: Attempt, rows: list[StepRecord]) -> tuple[CallOutcome, Written]:
        """What a bare call gave: the attempt goes on, so only the rows of others are written."""
        sending = list(rows)
        output, bodies = referred(made.output, made.output_bytes, INLINE)
        written = await self._log.write(head, sending, waiting=False, payloads=bodies)
        del rows[: len(sending)]
        outcome = CallOutcome(output=output, error=made.error, journaled=False, finished_at=made.finished_at)
        return outcome, written

    async def _commit_staged(
        self, head: Head, call: ModuleCall, made: Attempt, staged: Staged, rows: list[StepRecord]
    ) -> tuple[Attempt, Written]:
        """What the call staged, and its row, in one transaction."""
        assert isinstance(staged, Deed)
        before = list(rows)
        ended = made

        async def do(connection: Connection) -> list[StepRecord]:
            nonlocal ended
            gave: Json | ModuleError
            try:
                gave = await staged.do(connection)
            except ModuleError as error:
                gave = error
            ended = ended_with(made, call, gave)
            return [*before, _row(call, ended)]

        written = await self._log.write_staged(head, do)
        if (call.path, call.attempt) not in written.refused:
            del rows[: len(before)]
            if ended.error is None:
                staged.tell(self._host.notices)
        elif before:
            await self._log.write(head, before, waiting=False)
            del rows[: len(before)]
        return ended, written


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """Until PostgreSQL is back: what comes of a call that was made must not be lost, nor a call be failed that wasn't."""
    pause = _PAUSE
    while True:
        try:
            return await act()
        except DatabaseUnavailable:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def outcome_of(row: StepRecord, payloads: Payloads) -> CallOutcome:
    """The outcome that an ended row of the log tells of."""
    output = row.output
    if isinstance(output, (dict, list, str)):
        plain: Json = output  # pyright: ignore[reportAssignmentType]  # a row's own output is JSON or one reference
        output = await kept(plain, dumps(plain), payloads, INLINE)
    return CallOutcome(
        output=output,
        handles=tuple(row.handle.split(",")) if row.handle else (),
        error=row.error,
        retry_at=row.retry_at,
        lost=row.error is not None and row.error.code == LOST,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def running_row(call: ModuleCall, started_at: float) -> StepRecord:
    """What shows while the call is under way."""
    return StepRecord(
        path=call.path,
        step=call.step,
        module=call.module,
        attempt=call.attempt,
        status=StepStatus.RUNNING,
        started_at=started_at,
        iteration=call.iteration,
        idempotency_key=call.idempotency_key if call.effect == "write" else None,
    )


def _handle(call: ModuleCall, made: Attempt) -> str | None:
    if made.error is None:
        return ",".join(made.handles) or None
    return call.failed_handle if made.retry_at is None else None


def _row(call: ModuleCall, made: Attempt) -> StepRecord:
    return StepRecord(
        path=call.path,
        step=call.step,
        module=call.module,
        attempt=call.attempt,
        status=StepStatus.SUCCEEDED if made.error is None else StepStatus.FAILED,
        started_at=made.started_at,
        finished_at=made.finished_at,
        iteration=call.iteration,
        input=as_value(made.input),  # pyright: ignore[reportArgumentType]  # an object of JSON is JSON
        output=as_value(made.output),
        error=made.error,
        handle=_handle(call, made),
        logs=made.logs,
        idempotency_key=call.idempotency_key if call.effect == "write" else None,
        retry_at=made.retry_at,
    )
