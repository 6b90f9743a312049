"""`run_module`: one attempt of one module call, as a local or as an ordinary activity.

    local      look into the journal → call → commit its row with those that came along → answer; after `PATIENCE` seconds the rows and a
               `running` row are committed, the answer is `deferred`, and the call goes on in the process
    ordinary   adopt the call if it is under way here; else commit a `running` row and call; beat meanwhile

A `running` row that another execution of the activity left is what remains of a lost worker. A call that may be made twice is made
again under the same attempt; any other is lost: the row becomes `failed`, `worker.lost`, and the interpreter decides. The row's
`started_at` tells whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

from temporalio import activity

from engine import names
from engine.activities.exchange import JsonObject, Request, answer, read
from engine.activities.host import Notices
from engine.activities.journal import Journal
from engine.activities.log import RunLog, Written
from engine.activities.work import LOST, OPEN, Calls, may_repeat, outcome_of, patiently, running_row
from engine.core.effects import CallOutcome, ModuleCall
from engine.core.errors import StepError
from engine.core.records import StepRecord, StepStatus
from engine.hub import Kind
from engine.wire import dump_outcome, load_call, obj

PATIENCE = 1.0
"""Seconds that a local activity waits for its call."""
BEAT = 1.0


class RunModule:
    """The activity, with what it works on."""

    def __init__(self, log: RunLog, journal: Journal, calls: Calls, notices: Notices) -> None:
        self._log = log
        self._journal = journal
        self._calls = calls
        self._notices = notices

    @activity.defn(name=names.RUN_MODULE)
    async def run_module(self, given: object) -> object:
        request, argument = read(given)
        call = load_call(obj(argument["call"]))
        if activity.info().is_local:
            return await self._local(request, call)
        async with _beating():
            return await self._ordinary(request, call)

    # -- local

    async def _local(self, request: Request, call: ModuleCall) -> JsonObject:
        known = await self._journal.before(request.head)
        row = known.rows.get((call.path, call.attempt))
        if row is not None and row.status not in OPEN:
            return await self._from_row(request, row)
        if known.closed is not None:
            return _too_late(call, known.closed)
        rows = request.rows
        started_at = time.time()
        work = self._calls.under_way(request.head, call)
        if work is None:
            work = self._calls.begin(request.head, call, started_at, rows)
        elif rows:  # left by an execution that was here before
            await self._log.write(request.head, rows, waiting=False)
            rows.clear()
        try:
            await asyncio.wait([work], timeout=PATIENCE)
        except asyncio.CancelledError:
            await _ended(work)
            raise
        if not work.done():
            written = await self._log.write(request.head, [*rows, running_row(call, started_at)], waiting=False)
            rows.clear()
            self._tell(request)
            return answer({"deferred": True}, written)
        return await self._answer(request, work)

    # -- ordinary

    async def _ordinary(self, request: Request, call: ModuleCall) -> JsonObject:
        work = self._calls.under_way(request.head, call)
        if work is not None:
            if request.rows:
                await patiently(lambda: self._log.write(request.head, request.rows, waiting=False))
            return await self._see_through(request, work)
        started_at = time.time()
        rows = [*request.rows, running_row(call, started_at)]
        written = await patiently(lambda: self._log.write(request.head, rows, waiting=False))
        self._tell(request)
        standing = await self._standing(request, call, written)
        if written.closed and (standing is None or standing.status in OPEN):
            return _too_late(call, written)
        if standing is not None:
            if standing.status not in OPEN:
                return await self._from_row(request, standing)
            if not may_repeat(call) and not _same_time(standing.started_at, started_at):
                return await self._lost(request, call, standing)
        return await self._see_through(request, self._calls.begin(request.head, call, started_at, []))

    async def _see_through(self, request: Request, work: asyncio.Task[tuple[CallOutcome, Written]]) -> JsonObject:
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            await _ended(work)
            raise
        return await self._answer(request, work)

    async def _lost(self, request: Request, call: ModuleCall, left: StepRecord) -> JsonObject:
        error = StepError(
            LOST,
            "The worker was lost during this call; whether its effect happened isn't known.",
            step=call.path,
            retryable=call.on_lost == "retry",
        )
        row = replace(left, status=StepStatus.FAILED, finished_at=time.time(), error=error)
        written = await patiently(lambda: self._log.write(request.head, [row], waiting=False))
        self._tell(request)
        standing = await self._standing(request, call, written)
        return await self._from_row(request, standing or row)

    # -- both

    async def _answer(self, request: Request, work: asyncio.Task[tuple[CallOutcome, Written]]) -> JsonObject:
        outcome, written = await work
        self._tell(request)
        return answer({"outcome": dump_outcome(outcome)}, written)

    async def _from_row(self, request: Request, row: StepRecord) -> JsonObject:
        written = None
        if request.rows:
            written = await self._log.write(request.head, request.rows, waiting=False)
        outcome = await outcome_of(row, self._log.payloads(request.head))
        return answer({"outcome": dump_outcome(outcome)}, written)

    async def _standing(self, request: Request, call: ModuleCall, written: Written) -> StepRecord | None:
        """The row that stands in the place of the one that was to be written; None where it was written."""
        key = (call.path, call.attempt)
        if key not in written.refused:
            return None
        return await patiently(lambda: self._log.row(request.head, key))

    def _tell(self, request: Request) -> None:
        self._notices.publish(request.head.workspace_id, request.head.run_id, Kind.CHANGED)


def _too_late(call: ModuleCall, written: Written) -> JsonObject:
    """The run has ended, so nothing is called any more; this outcome is nowhere written."""
    error = StepError("run.cancelled", "The run had ended before this call.", step=call.path)
    return answer({"outcome": dump_outcome(CallOutcome(error=error))}, written)


def _same_time(one: float, other: float) -> bool:
    """PostgreSQL keeps microseconds."""
    return abs(one - other) < 2e-6


async def _ended(work: asyncio.Task[tuple[CallOutcome, Written]]) -> None:
    """Cancel a call and wait for its end; what it then gives is nobody's."""
    work.cancel()
    await asyncio.wait([work])


@contextlib.asynccontextmanager
async def _beating():
    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT)

    beater = asyncio.create_task(beat())
    try:
        yield
    finally:
        beater.cancel()
