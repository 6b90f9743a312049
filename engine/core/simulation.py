"""A run in this process, with nothing outside of it: for a document's own tests, and for trying one out.

Time is virtual: it begins where the run began and passes only by waiting, at once. Reads and writes never happen:
with `unmocked: fail` or `simulate` the
interpreter refuses each that has no mock. Modules without an effect that are isolated run for real, through the
callable that is passed in. Nothing is
kept by reference. Rows are gathered in memory.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

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
from engine.core.errors import Failed, StepError
from engine.core.interpreter import Run
from engine.core.plan import Plan
from engine.core.records import RunEnd, StepRecord
from engine.core.start import RunStart
from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Json, Ref, Value, as_value
from modules.sdk.declaration import Pure, Result
from modules.sdk.json import JsonObject
from modules.sdk.verdicts import ModuleError

CallIsolated: TypeAlias = Callable[[ModuleCall, JsonObject], Awaitable[Result]]
"""Runs an isolated module on its resolved inputs; raises ModuleError."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """How a simulated run went. `records` hold the last state of each row, in the order in which rows first appeared."""

    end: RunEnd
    records: tuple[StepRecord, ...]
    response: Response | None


async def simulate(plan: Plan, start: RunStart, pure: Mapping[str, Pure], call_isolated: CallIsolated) -> Simulated:
    """Carries a run out. `start.options` must have `unmocked: fail` or `simulate`, else a real call fails with `mock.missing` as well."""
    effects = Simulation(start.started_at, call_isolated)
    end = await Run(plan, replace(start, reply=True), effects, pure).execute()
    return Simulated(end, tuple(effects.records.values()), effects.response)


class Simulation:
    """The carrier. Jitter is left out: the same document over the same data always takes the same path."""

    def __init__(self, started_at: float, call_isolated: CallIsolated) -> None:
        self.records: dict[tuple[str, int], StepRecord] = {}
        self.response: Response | None = None
        self._now = started_at
        self._call_isolated = call_isolated
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._slept = 0
        self._parked = False

    def now(self) -> float:
        return self._now

    def random(self) -> float:
        return 0.5

    async def call_module(self, call: ModuleCall) -> CallOutcome:
        if call.effect != "none":
            error = StepError(
                "mock.missing", f"{call.step!r} ({call.module}) reaches outside and has no mock", call.path
            )
            return CallOutcome(error=error, handles=(), journaled=False)
        try:
            inputs = compile_value(cast("Json", call.inputs)).render(call.scope, Budget())
            result = await self._call_isolated(call, cast("JsonObject", inputs))
        except ExpressionError as error:
            failed = StepError(error.code, error.message, call.path, False, error.details)
            return CallOutcome(error=failed, handles=(), journaled=False)
        except ModuleError as error:
            failed = StepError(error.code, error.message, call.path, error.retryable is True, dict(error.details))
            return CallOutcome(error=failed, handles=(), journaled=False)
        return CallOutcome(as_value(result.output), result.handles, journaled=False)

    async def evaluate(self, request: Evaluation) -> Value:
        return compile_value(request.value).render(request.scope, Budget())

    async def load_page(self, ref: Ref, start: int) -> Page:
        raise Failed(
            StepError("payload.missing", f"nothing is kept under {ref.ref!r} in a simulation, asked from {start}")
        )

    async def sleep_until(self, when: float) -> None:
        """The clock goes to the next sleeper's time when nothing else can go on."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._slept += 1
        heapq.heappush(self._sleepers, (when, self._slept, woken))
        await woken

    async def take_start(self, key: str, count: int, per: float) -> float:
        """Nobody else is here, and waits end at once."""
        return self._now

    async def take_turn_of(self, connection: str) -> float:
        """The same."""
        return self._now

    async def wait_event(self, wait: EventWait) -> EventAnswer:
        raise Failed(StepError("mock.missing", f"{wait.path!r} waits for an event and has no mock", wait.path))

    async def start_child(self, child: ChildStart) -> str:
        raise Failed(StepError("mock.missing", f"{child.path!r} runs another workflow and has no mock", child.path))

    async def wait_child(self, run_id: str) -> ChildEnd:
        raise Failed(StepError("mock.missing", f"no child {run_id!r} runs in a simulation"))

    async def respond(self, response: Response) -> bool:
        self.response = response
        return False

    def emit(self, record: StepRecord) -> None:
        self.records[record.path, record.attempt] = record

    async def checkpoint(self) -> None:
        """Nothing is held back here."""

    def parked(self, count: int) -> None:
        self._parked = count == 0
        if self._parked:
            asyncio.get_running_loop().call_soon(self._tick)

    def _tick(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        if self._sleepers and self._parked:
            self._parked = False  # one at a time: it may set off others before their time
            when, _, woken = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            woken.set_result(None)
