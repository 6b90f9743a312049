"""`Effects` over Temporal: what the interpreter asks becomes local activities, ordinary activities, timers and awaited signals.

- **Calls.** A call that is short, and harmless to repeat, goes as a local activity; one that takes over a second there answers `deferred`, goes
  on in its process, and is adopted (or made again) by an ordinary activity. Long calls, writes that aren't idempotent and
  steps with `on_lost: fail` are ordinary from the start.
- **Waits.** Rows first, signals second: a wait reads its row, sleeps until a signal or its time, and reads again.
- **Rows.** Buffered; they leave with the next call, in chunks of 500 at checkpoints, when the run parks, and at the end.
- **Histories.** After ten chunks, 8,000 events or 20 MB the run moves on (`moving`): checkpoints hold from then on, and `run.py`
  continues it as new.

Nothing here reads a clock, chance or a set's order; what differs between two executions comes from answers alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from engine import names
    from engine.core.effects import (
        CallOutcome,
        ChildEnd,
        ChildStart,
        Evaluation,
        EventAnswer,
        EventWait,
        ModuleCall,
        Page,
        Response,
    )
    from engine.core.errors import Failed
    from engine.core.records import RunEnd, StepRecord
    from engine.expressions.errors import ExpressionError
    from engine.expressions.values import Json, Ref, Value, from_json, to_json
    from engine.wire import dump_call, dump_end, load_error, load_outcome, mapping, number, obj, whole
    from engine.workflows.activity_calls import ActivityCalls
    from engine.workflows.rows import CHUNK, PendingRows, as_json

JsonObject = dict[str, Json]

CHUNKS_A_HISTORY = 10
EVENTS_A_HISTORY = 8_000
BYTES_A_HISTORY = 20 * 2**20
ROWS_IN_HISTORY = 50
"""Rows that may travel through the server with an ordinary call; more are written before it."""
_LONGEST_TIMER = 10 * 365 * 86_400.0
_LAG = 15.0
"""Seconds that Temporal's clock can be behind a local call's: it stands at the start of the task, or at its last marker."""


class TemporalEffects:
    """One run's dealings with the world.

    `head` names the run to every activity; `cancel` is told when an answer says that a cancel was asked for.
    """

    def __init__(self, head: JsonObject, cancel: Callable[[str], None]) -> None:
        self._head = head
        self._cancel = cancel
        self._calls = ActivityCalls()
        self._rows = PendingRows()
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._waiting = False
        self._told_waiting = False
        self._chunks = 0
        self._signals: dict[str, asyncio.Future[None]] = {}
        self._signalled: dict[str, None] = {}
        self._latest = 0.0
        self.moving = False
        """The run should go on in a new history."""

    # -- time and chance

    def now(self) -> float:
        """Never before the end of a call whose answer is known: a log in order of time is then in order of cause."""
        return max(workflow.time(), self._latest)

    def random(self) -> float:
        return workflow.random().random()

    async def sleep_until(self, when: float) -> None:
        while (left := when - workflow.time()) > 0:
            await asyncio.sleep(min(left, _LONGEST_TIMER))
            self._calls.budget.round_trip()
            if left <= _LONGEST_TIMER:
                return

    async def take_start(self, key: str, count: int, per: float) -> float:
        return await self._turn({"key": key, "count": count, "per": per}, key)

    async def take_turn_of(self, connection: str) -> float:
        return await self._turn({"connection": connection}, connection)

    async def _turn(self, argument: JsonObject, about: str) -> float:
        answer = await self._anyhow(names.TAKE_START, argument, about)
        wait = number(answer["wait"]) or 0.0
        # The database's clock and Temporal's may differ: neither the time nor the wait is cut short.
        return max(number(answer["due"]) or 0.0, self.now() + wait) if wait > 0 else self.now()

    # -- calls

    async def call_module(self, call: ModuleCall) -> CallOutcome:
        argument: JsonObject = {"call": dump_call(call)}
        about = f"{call.path}#{call.attempt}"
        if _may_be_local(call):
            answer = await self._local(names.RUN_MODULE, argument, about)
            if answer is not None and not answer.get("deferred"):
                return self._ended(load_outcome(obj(answer["outcome"])))
        answer = await self._ordinary(names.RUN_MODULE, argument, about, beats=True)
        return self._ended(load_outcome(obj(answer["outcome"])))

    def _ended(self, outcome: CallOutcome) -> CallOutcome:
        # A clock that is further ahead than the lag is another machine's, and wrong.
        if outcome.finished_at is not None and outcome.finished_at < workflow.time() + _LAG:
            self._latest = max(self._latest, outcome.finished_at)
        return outcome

    async def evaluate(self, request: Evaluation) -> Value:
        answer = await self._anyhow(
            names.EVALUATE,
            {
                "value": request.value,
                "scope": to_json(cast("Value", request.scope)),
                "whole": request.whole,
            },
            "",
        )
        error = answer.get("error")
        if isinstance(error, dict):
            raise ExpressionError(str(error["code"]), str(error["message"]), dict(mapping(error.get("details"))))
        return from_json(answer["value"])

    async def load_page(self, ref: Ref, start: int) -> Page:
        answer = await self._anyhow(names.LOAD_PAGE, {"ref": to_json(ref), "start": start}, f"{start}")
        items = answer["items"]
        assert isinstance(items, list)
        return Page([from_json(item) for item in items], whole(answer["total"]))

    # -- waits

    async def wait_event(self, wait: EventWait) -> EventAnswer:
        while True:
            over = wait.until is not None and workflow.time() >= wait.until
            asked: dict[str, Json] = {"path": wait.path, "last": over}
            if wait.key is not None:
                asked |= {"key": wait.key, "schema": wait.schema}
            answer = await self._anyhow(names.READ_RESUME, asked, wait.path)
            if answer.get("posted"):
                return EventAnswer(from_json(answer.get("body")))
            if over:
                return EventAnswer(timed_out=True)
            await self._signal_or_time(f"{names.SIGNAL_RESUME}:{wait.path}", wait.until)

    async def start_child(self, child: ChildStart) -> str:
        answer = await self._anyhow(
            names.START_CHILD,
            {
                "child": {
                    "path": child.path,
                    "attempt": child.attempt,
                    "workflow": child.workflow,
                    "version": child.version,
                    "input": to_json(child.input),
                    "key": child.key,
                    "depth": child.depth,
                    "wait": child.wait,
                }
            },
            child.path,
        )
        error = load_error(answer.get("error"))
        if error is not None:
            raise Failed(error)
        return str(answer["run_id"])

    async def wait_child(self, run_id: str) -> ChildEnd:
        try:
            return await self._child_end(run_id)
        except asyncio.CancelledError:
            await self._anyhow(names.CANCEL_CHILD, {"run_id": run_id}, run_id)
            await self._child_end(run_id)
            raise

    async def _child_end(self, run_id: str) -> ChildEnd:
        while True:
            answer = await self._anyhow(names.READ_CHILD, {"run_id": run_id}, run_id)
            end = answer.get("end")
            if isinstance(end, dict):
                status = end["status"]
                if status not in ("succeeded", "failed", "cancelled", "timed_out"):
                    raise TypeError(f"a child's end can't be {status!r}")
                return ChildEnd(status, from_json(end.get("output")), load_error(end.get("error")))
            await self._signal_or_time(f"{names.SIGNAL_CHILD}:{run_id}", None)

    async def respond(self, response: Response) -> bool:
        answer = await self._anyhow(
            names.RESPOND,
            {
                "response": {
                    "status": response.status,
                    "headers": cast("Json", response.headers),
                    "body": to_json(response.body),
                }
            },
            "",
        )
        return answer.get("delivered") is True

    def signal(self, kind: str, what: str) -> None:
        """A wake-up arrived. One that comes before its wait is kept for it."""
        key = f"{kind}:{what}"
        self._calls.budget.round_trip()
        waiter = self._signals.pop(key, None)
        if waiter is None:
            self._signalled[key] = None
        elif not waiter.done():
            waiter.set_result(None)

    async def _signal_or_time(self, key: str, until: float | None) -> None:
        if key in self._signalled:
            del self._signalled[key]
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._signals[key] = waiter
        timer = None
        if until is not None:
            timer = asyncio.create_task(self.sleep_until(until))
            timer.add_done_callback(lambda _: None if waiter.done() else waiter.set_result(None))
        try:
            await waiter
        finally:
            self._signals.pop(key, None)
            if timer is not None:
                timer.cancel()

    # -- rows

    def emit(self, record: StepRecord) -> None:
        self._rows.add(record)

    async def checkpoint(self) -> None:
        if len(self._rows) >= CHUNK:
            await self._write(CHUNK)
        if self.moving:
            await asyncio.get_running_loop().create_future()  # for ever: the next history takes over from here

    def parked(self, count: int) -> None:
        self._waiting = count == 0
        if self._waiting:
            self._wake.set()

    async def keep_written(self) -> None:
        """Writes rows whenever the run parks. Runs beside the interpreter until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._waiting and (len(self._rows) > 0 or not self._told_waiting):
                await self._write(0)

    async def settle(self) -> None:
        """Writes all rows, after those that are under way."""
        while len(self._rows) > 0:
            await self._write(0)
        async with self._writing:
            return

    async def finish(self, end: RunEnd) -> None:
        """The last rows and the run's end, in one commit."""
        while len(self._rows) > CHUNK:
            await self._write(CHUNK)
        async with self._writing:
            taken = self._rows.take()
            await self._calls.anyhow(
                names.RECORD,
                {"run": self._head, "rows": as_json(taken), "waiting": False, "end": dump_end(end)},
                "end",
            )

    async def _write(self, least: int) -> None:
        """One chunk, in a task of its own: whoever waits for it may be cancelled, the rows are written nevertheless."""
        await asyncio.shield(asyncio.create_task(self._write_chunk(least)))

    async def _write_chunk(self, least: int) -> None:
        async with self._writing:
            if len(self._rows) < least:
                return  # another task wrote them meanwhile
            taken = self._rows.take()
            if len(taken) >= CHUNK:
                self._chunks += 1
            answer = await self._calls.anyhow(names.RECORD, self._argument({}, taken), "rows")
            self._heard(answer)

    # -- activities with rows

    async def _anyhow(self, name: str, argument: JsonObject, about: str) -> JsonObject:
        answer = await self._local(name, argument, about)
        return answer if answer is not None else await self._ordinary(name, argument, about)

    async def _local(self, name: str, argument: JsonObject, about: str) -> JsonObject | None:
        taken = self._rows.take()
        answer = None
        try:
            answer = await self._calls.local(name, self._argument(argument, taken), about)
        finally:
            if answer is None:
                self._rows.put_back(taken)
        if answer is not None:
            self._heard(answer)
        return answer

    async def _ordinary(self, name: str, argument: JsonObject, about: str, *, beats: bool = False) -> JsonObject:
        if len(self._rows) > ROWS_IN_HISTORY:
            await self._write(0)
        taken = self._rows.take()
        try:
            answer = await self._calls.ordinary(name, self._argument(argument, taken), about, beats=beats)
        except BaseException:
            self._rows.put_back(taken)
            raise
        self._heard(answer)
        return answer

    def _argument(self, argument: JsonObject, rows: list[StepRecord]) -> JsonObject:
        self._told_waiting = self._waiting
        return {**argument, "run": self._head, "rows": as_json(rows), "waiting": self._waiting}

    def _heard(self, answer: JsonObject) -> None:
        reason = answer.get("cancel")
        if isinstance(reason, str):
            self._cancel(reason)
        info = workflow.info()
        if (
            self._chunks >= CHUNKS_A_HISTORY
            or info.get_current_history_length() > EVENTS_A_HISTORY
            or info.get_current_history_size() > BYTES_A_HISTORY
        ):
            self.moving = True


def _may_be_local(call: ModuleCall) -> bool:
    if call.long or call.on_lost == "fail" or call.throttled:
        return False
    return call.effect != "write" or call.idempotent
