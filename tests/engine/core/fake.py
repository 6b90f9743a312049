"""The world of a run in a test: virtual time, answers by script or by seed, rows checked as they are written.

Time passes only when the run does nothing else, from one waker to the next in the order of (time, number). So a test of an hour takes no
time, and the same seed gives the same run.

It holds every run to the promises of rows: a terminal row never changes, and none is left open at the end.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.core.compiled import compile_run
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
    RunOptions,
)
from engine.core.errors import Failed, StepError
from engine.core.interpreter import Run
from engine.core.plan import Plan, build_plan
from engine.core.records import RunEnd, StepRecord, StepStatus
from engine.core.retry import RetryPolicy, decide, retryable
from engine.core.start import ResumeBase, RunStart, WorkflowInfo
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Ref
from modules.registry import load_registry

BEGIN = 1_700_000_000.0
RUN_ID = "01890000-0000-7000-8000-000000000001"
TERMINAL = {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED}
REGISTRY = load_registry()
MODULES = {module.key: module for module in REGISTRY.all()}
PURE = REGISTRY.pure()


@dataclass
class Answer:
    """What one call gives, after so many seconds. `error` is a code."""

    output: Any = None
    error: str | None = None
    seconds: float = 0.0
    lost: bool = False
    handles: tuple[str, ...] = ("out",)
    retry_after: float | None = None
    retryable: bool | None = None


@dataclass
class World:
    """Outlives a `Fake`: what has happened once stays so, over all histories of the run."""

    answer: Callable[[ModuleCall, int], Answer] = lambda call, made: Answer({"path": call.path})
    events: dict[str, tuple[float, Any]] = field(default_factory=dict)
    children: dict[str, tuple[float, ChildEnd]] = field(default_factory=dict)
    name_child: Callable[[ChildStart, int], str] = lambda child, number: f"child-{number}"
    store: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    pages: int = 3
    calls: list[ModuleCall] = field(default_factory=list)
    cancelled_calls: list[str] = field(default_factory=list)
    started: dict[tuple[str, int], str] = field(default_factory=dict)
    starts: list[ChildStart] = field(default_factory=list)
    cancelled_children: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    rows: dict[tuple[str, int], StepRecord] = field(default_factory=dict)
    order: list[StepRecord] = field(default_factory=list)
    journal: dict[tuple[str, int], CallOutcome] = field(default_factory=dict)
    parked: list[tuple[float, int]] = field(default_factory=list)
    turns: dict[str, list[float]] = field(default_factory=dict)
    """Of throttles: the starts that were given, by key."""
    now: float = BEGIN


class Fake:
    """One execution in a world: a carrier."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.checkpoints = 0
        self.over = False
        """The run has moved on: what is left of this execution is taken apart and changes nothing any more."""
        self._wrote = False
        self.on_checkpoint: Callable[[int], None] | None = None
        self._random = random.Random(world.seed)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._active = 1
        self._at: list[tuple[float, Callable[[], None]]] = []

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Does something when the clock gets there."""
        self._at.append((when, what))

    def now(self) -> float:
        return self.world.now

    def random(self) -> float:
        return self._random.random()

    async def call_module(self, call: ModuleCall) -> CallOutcome:
        world = self.world
        if self.over:
            raise asyncio.CancelledError
        known = world.journal.get((call.path, call.attempt))
        if known is not None:
            return known
        made = sum(1 for earlier in world.calls if earlier.path == call.path)
        world.calls.append(call)
        answer = world.answer(call, made)
        inputs: Any = None
        error: StepError | None = None
        policy = RetryPolicy.from_json(call.retry)
        try:
            inputs = compile_value(call.inputs).render(self._whole(call.scope), Budget())
            if answer.seconds:
                try:
                    await self._sleep(min(world.now + answer.seconds, call.started_at + call.timeout))
                except asyncio.CancelledError:
                    world.cancelled_calls.append(call.path)
                    raise
            code = answer.error
            if answer.seconds > call.timeout:
                code = f"{call.module.partition('.')[0]}.timeout"
            if answer.lost:
                code = "worker.lost"
            if code is not None:
                again = retryable(code, policy, answer.retryable)
                error = StepError(code, f"{code} it is", call.path, again, retry_after=answer.retry_after)
        except ExpressionError as problem:
            error = StepError(problem.code, problem.message, call.path, False, problem.details)
        retry_at = None
        if error is not None and not answer.lost:
            delay = decide(error, int(call.retry["counted"]), policy, 0.5)  # type: ignore[call-overload]
            retry_at = None if delay is None else world.now + delay
        output = None if error is not None else answer.output
        if callable(output):
            output = output(inputs)
        if call.bare:
            return CallOutcome(output, error=error, journaled=False)
        self._write(
            StepRecord(
                path=call.path,
                step=call.step,
                module=call.module,
                attempt=call.attempt,
                status=StepStatus.SUCCEEDED if error is None else StepStatus.FAILED,
                started_at=call.started_at,
                finished_at=world.now,
                iteration=call.iteration,
                input=inputs,
                output=output,
                error=error,
                handle=",".join(answer.handles)
                if error is None
                else None
                if retry_at is not None
                else call.failed_handle,
                retry_at=retry_at,
                idempotency_key=call.idempotency_key,
            )
        )
        outcome = CallOutcome(
            output, answer.handles, error, retry_at, answer.lost, True, inputs, (), call.started_at, world.now
        )
        world.journal[call.path, call.attempt] = outcome
        return outcome

    async def evaluate(self, request: Evaluation) -> Any:
        await self._sleep(self.world.now + 0.01)
        return compile_value(request.value).render(self._whole(request.scope), Budget())

    async def load_page(self, ref: Ref, start: int) -> Page:
        await self._sleep(self.world.now + 0.01)
        data = self.world.store[ref.ref]
        if isinstance(data, dict):
            data = [{"key": key, "value": value} for key, value in data.items()]
        return Page(data[start : start + self.world.pages], len(data))

    async def sleep_until(self, when: float) -> None:
        await self._sleep(when)

    async def take_start(self, key: str, count: int, per: float) -> float:
        await self._sleep(self.world.now + 0.01)
        given = self.world.turns.setdefault(key, [])
        free = given[-count] + per if len(given) >= count else 0.0
        given.append(max([self.world.now, free, *given[-1:]]))
        return given[-1]

    async def take_turn_of(self, connection: str) -> float:
        return await self.take_start(f"connection {connection}", 1, 1.0)

    async def wait_event(self, wait: EventWait) -> EventAnswer:
        posted = self.world.events.get(wait.path)
        if posted is not None and (wait.until is None or posted[0] <= wait.until):
            await self._sleep(posted[0])
            return EventAnswer(posted[1])
        if wait.until is None:
            await asyncio.get_running_loop().create_future()
        await self._sleep(wait.until or 0.0)
        return EventAnswer(timed_out=True)

    async def start_child(self, child: ChildStart) -> str:
        await self._sleep(self.world.now + 0.01)
        if child.workflow == "nobody":
            raise Failed(StepError("subworkflow.unknown", "there is no workflow 'nobody'"))
        key = (child.key, child.attempt)
        if key not in self.world.started:
            self.world.starts.append(child)
            self.world.started[key] = self.world.name_child(child, len(self.world.started))
        return self.world.started[key]

    async def wait_child(self, run_id: str) -> ChildEnd:
        when, end = self.world.children.get(run_id, (BEGIN + 1.0, ChildEnd("succeeded", {"child": run_id})))
        try:
            await self._sleep(when)
        except asyncio.CancelledError:
            self.world.cancelled_children.append(run_id)
            raise
        return end

    async def respond(self, response: Response) -> bool:
        await self._sleep(self.world.now + 0.01)
        self.world.responses.append(response)
        return True

    def emit(self, record: StepRecord) -> None:
        self._write(record)

    async def checkpoint(self) -> None:
        self.checkpoints += self._wrote  # steps that were remembered are no progress
        self._wrote = False
        if self.on_checkpoint is not None:
            self.on_checkpoint(self.checkpoints)

    def parked(self, count: int) -> None:
        self.world.parked.append((self.world.now, count))

    def _write(self, record: StepRecord) -> None:
        if self.over:
            return
        key = (record.path, record.attempt)
        known = self.world.rows.get(key)
        if known is not None and known.status is record.status is StepStatus.SKIPPED:
            return  # in each attempt at its scope a step may be skipped for another reason; its row is of the first time
        if known is not None and known.status in TERMINAL:
            assert replace(record, started_at=0, finished_at=0, input=None, retry_at=None) == replace(
                known, started_at=0, finished_at=0, input=None, retry_at=None
            ), f"a terminal row changed: {known} to {record}"
            return
        self._wrote = True
        self.world.rows[key] = record
        self.world.order.append(record)

    def _whole(self, value: Any) -> Any:
        if isinstance(value, Ref):
            return self.world.store[value.ref]
        if isinstance(value, dict):
            return {key: self._whole(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._whole(item) for item in value]
        return value

    async def _sleep(self, when: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (when, self._count, woken))
        await woken

    def advance(self) -> bool:
        """The next thing happens; False when there is none."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        due = min(self._at, key=lambda entry: entry[0], default=None)
        if due is not None and (not self._sleepers or due[0] <= self._sleepers[0][0]):
            self._at.remove(due)
            self.world.now = max(self.world.now, due[0])
            due[1]()
            return True
        if not self._sleepers:
            return False
        when, _, woken = heapq.heappop(self._sleepers)
        self.world.now = max(self.world.now, when)
        woken.set_result(None)
        return True


class Stuck(AssertionError):
    """Nothing can happen any more and the run hasn't ended."""


async def settle() -> None:
    """Until nobody on the loop can go on by itself. The loop's queue of ready callbacks is the only sure sign of that."""
    loop: Any = asyncio.get_running_loop()
    await asyncio.sleep(0)
    while loop._ready:
        await asyncio.sleep(0)


async def drive(fake: Fake, task: asyncio.Task[Any]) -> Any:
    """Lets time pass until the task has ended."""
    while not task.done():
        await settle()
        if not task.done() and not fake.advance():
            task.cancel()
            raise Stuck("the run waits for nothing")
    return task.result()


@dataclass
class Ran:
    """A run that has ended."""

    end: RunEnd
    world: World
    fake: Fake

    def __getattr__(self, name: str) -> Any:
        return getattr(self.end, name)

    @property
    def code(self) -> str | None:
        return None if self.end.error is None else self.end.error.code

    def row(self, path: str, attempt: int | None = None) -> StepRecord:
        found = [row for (at, number), row in self.world.rows.items() if at == path and attempt in (None, number)]
        assert found, f"no row at {path!r}: {sorted(self.world.rows)}"
        return found[-1]

    def statuses(self) -> dict[str, str]:
        """By path, of its last attempt."""
        return {row.path: row.status.value for row in sorted(self.world.rows.values(), key=lambda row: row.attempt)}

    def output(self, path: str) -> Any:
        return self.row(path).output

    def attempts(self, path: str) -> list[tuple[int, str]]:
        return [(number, row.status.value) for (at, number), row in self.world.rows.items() if at == path]

    @property
    def seconds(self) -> float:
        return self.world.now - BEGIN


def step(module: str, inputs: Mapping[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A step of a document; `core.` may be left out."""
    return {"module": module if "." in module else f"core.{module}", "version": 1, "inputs": inputs or {}, **keys}


def http(method: str = "GET", **keys: Any) -> dict[str, Any]:
    return step("http.request", {"method": method, "url": "https://example.com/"}, **keys)


def document(steps: Mapping[str, Any], edges: list[Any] | None = None, **keys: Any) -> dict[str, Any]:
    """`edges` as `"a b"`, `"a.true b"`."""
    made: list[Any] = []
    for edge in edges or []:
        if isinstance(edge, str):
            source, target = edge.split()
            source, _, handle = source.partition(".")
            made.append({"from": source, "to": target} | ({"handle": handle} if handle else {}))
        else:
            made.append(edge)
    return {"schema_version": 1, "name": "test", "steps": dict(steps), "edges": made, **keys}


def plan_of(doc: Mapping[str, Any]) -> Plan:
    return build_plan(compile_run(dict(doc), MODULES))


def start_of(body: Any = None, **keys: Any) -> RunStart:
    keys.setdefault("trigger", {"type": "api", "id": None, "body": body})
    keys.setdefault("resume", ResumeBase("https://mill.example", b"secret"))
    return RunStart(RUN_ID, WorkflowInfo("7", "test", 3), BEGIN, origin="origin", reply=True, **keys)


def check_rows(ran: Ran) -> None:
    """What holds for the rows of any ended run."""
    for row in ran.world.rows.values():
        assert row.status in TERMINAL, f"left open: {row}"
        assert (row.attempt == 0) == (row.status is StepStatus.SKIPPED)
        assert row.finished_at is not None
        assert row.finished_at >= row.started_at
    by_path: dict[str, list[StepRecord]] = {}
    for row in ran.world.rows.values():
        by_path.setdefault(row.path, []).append(row)
    for path, rows in by_path.items():
        rows.sort(key=lambda row: row.attempt)
        for earlier in rows[:-1]:
            if earlier.status is StepStatus.SKIPPED:  # and carried out when its scope was tried again
                above = [".".join(path.split(".")[:depth]) for depth in range(1, path.count(".") + 1)]
                assert any(len(by_path.get(container, ())) > 1 for container in above), earlier
                continue
            assert earlier.status in (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SUCCEEDED), earlier
    error = ran.end.error
    if error is not None and error.step is not None:
        assert error.step in by_path, f"{error.step!r} has no row"


async def run(
    doc: Mapping[str, Any],
    body: Any = None,
    *,
    world: World | None = None,
    cancel_at: float | None = None,
    options: RunOptions | None = None,
    **keys: Any,
) -> Ran:
    """Carries a document out to its end; `cancel_at` is seconds from the beginning."""
    world = world or World()
    fake = Fake(world)
    run_ = Run(plan_of(doc), start_of(body, options=options or RunOptions(), **keys), fake, PURE)
    if cancel_at is not None:
        fake.at(BEGIN + cancel_at, lambda: run_.cancel("cancelled"))
    task = asyncio.get_running_loop().create_task(run_.execute())
    ran = Ran(await drive(fake, task), world, fake)
    check_rows(ran)
    assert run_.tally.count == 1, "the count of what works doesn't come out even"
    return ran


async def run_in_pieces(
    doc: Mapping[str, Any], body: Any = None, *, world: World | None = None, every: int = 1, **keys: Any
) -> tuple[Ran, int]:
    """The same over many histories: each is left after so many checkpoints, as soon as it can be. Gives the number of histories too."""
    world = world or World()
    plan = plan_of(doc)
    memo: Any = None
    pieces = 0
    while True:
        pieces += 1
        assert pieces < 2000, "no progress from one history to the next"
        fake = Fake(world)
        run_ = Run(plan, start_of(body, memo=memo, **keys), fake, PURE)
        loop = asyncio.get_running_loop()
        task = loop.create_task(run_.execute())
        move = asyncio.Event()
        fake.on_checkpoint = lambda count, move=move: move.set() if count >= every else None

        async def leave(run_: Run = run_, move: asyncio.Event = move) -> None:
            await move.wait()
            await run_.drain()

        leaving = loop.create_task(leave())
        while not task.done() and not leaving.done():
            await settle()
            if not task.done() and not leaving.done() and not fake.advance():
                raise Stuck("the run waits for nothing")
        if task.done():
            leaving.cancel()
            await settle()
            ran = Ran(task.result(), world, fake)
            check_rows(ran)
            return ran, pieces
        memo = run_.snapshot()
        fake.over = True
        while others := [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]:
            for other in others:
                other.cancel()
            await settle()
