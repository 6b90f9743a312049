"""One step in one frame, as its construct sees it: its inputs, the frames it opens, waiting, and its rows.

How it is tried and how it ends is in `attempts.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

from engine.core.crew import Crew
from engine.core.errors import Failed, StepError
from engine.core.frame import Frame
from engine.core.node import Inputs
from engine.core.outcome import StepState
from engine.core.records import LogLine, Mocked, StepRecord, StepStatus, WaitKind
from engine.core.sizes import holds_reference
from engine.core.source import Source
from engine.core.times import rfc3339
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.values import Value
from modules.sdk.verdicts import ModuleError

if TYPE_CHECKING:
    from engine.core.interpreter import Run
    from engine.core.plan import EffectName, StepPlan

T = TypeVar("T")


class Activity:
    """See the module's text. Nodes get it as their view of the run."""

    __slots__ = (
        "attempt",
        "begun",
        "counted",
        "effect",
        "frame",
        "inner",
        "keep",
        "many",
        "path",
        "plan",
        "progress",
        "resumed",
        "retry_at",
        "run",
        "slot",
        "started_at",
        "turn",
        "waiting",
    )

    def __init__(self, run: Run, frame: Frame, plan: StepPlan) -> None:
        self.run = run
        self.frame = frame
        self.plan = plan
        self.path = frame.prefix + plan.id
        self.attempt = 1
        self.counted: int = 1
        """Attempts that count, the present one included."""
        self.started_at = 0.0
        self.effect: EffectName = "none"
        self.many = False
        """Whether it may be tried again, so that what is inside of it must be numbered on."""
        self.begun = False
        self.resumed = False
        """Whether this attempt was begun, or even ended, in an earlier history: its rows of then are written already."""
        self.waiting = False
        self.retry_at: float | None = None
        self.slot: float | None = None
        """While its throttle holds it up: the time that is kept for it."""
        self.turn = 0
        """Which of its turns that is: see `throttle.py`."""
        self.progress: dict[str, Value] = {}
        """What the node must know again to go on in a continued history."""
        self.keep: Callable[[], dict[str, Value]] | None = None
        """Gives `progress` when it is asked for, where to keep it up to date would cost in each iteration."""
        self.inner: list[Frame] = []
        """A container's frames: those in work, and those whose ended steps are still read."""

    def view(self) -> dict[str, Value]:
        """What `steps.<id>` shows while it hasn't ended."""
        status = "pending" if not self.begun else "waiting" if self.waiting else "running"
        started = rfc3339(self.started_at) if self.begun else None
        return {"status": status, "error": None, "started_at": started, "finished_at": None}

    @property
    def key(self) -> str:
        """The idempotency key: the same in each attempt."""
        return f"{self.run.start.origin or self.run.start.run_id}:{self.path}"

    def rendered(self) -> Inputs:
        """The inputs with their *now* parts resolved. Raises ExpressionError, NeedsData."""
        plan = self.plan
        return cast("Inputs", plan.inputs.render(self.frame.scope(plan.inputs.needs)))

    async def resolved(self, *, whole: bool) -> Inputs:
        """The same, also over data kept by reference; `whole` brings such data inline."""
        try:
            inputs = self.rendered()
        except NeedsData:
            return cast("Inputs", await self.run.evaluate(self.plan.inputs, self.frame, whole=whole))
        if whole and holds_reference(inputs):
            return cast("Inputs", await self.run.evaluate(self.plan.inputs, self.frame, whole=True))
        return inputs

    async def value_of(self, source: Source, frame: Frame) -> Value:
        """A *later* part over `frame`."""
        try:
            return source.render(frame.scope(source.needs))
        except NeedsData:
            return await self.run.evaluate(source, frame, whole=False)

    def open(
        self, slot: str, prefix: str, variables: dict[str, Value] | None = None, iteration: int | None = None
    ) -> Frame:
        """A frame for one of its slots. `close` it, or it is kept for those who may read its steps later."""
        frame = Frame(
            self.plan.slots[slot], prefix, self.frame, self.frame.around, variables=variables, iteration=iteration
        )
        if self.many:
            frame.renumbered = True
        self.inner.append(frame)
        return frame

    def beside(self, frame: Frame, plan: StepPlan) -> Activity:
        """One of its inner steps."""
        return Activity(self.run, frame, plan)

    def close(self, frame: Frame) -> None:
        """Nobody reads its steps any more."""
        self.inner.remove(frame)

    async def gate(self) -> None:
        """Held here while the run is about to move to a new history."""
        await self.run.admit(urgent=self.frame.urgent, resumed=self.resumed)

    async def sleep_until(self, when: float) -> None:
        """Lets time pass."""
        await self.idle(lambda: self.run.effects.sleep_until(when))
        await self.gate()

    async def idle(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Awaits something during which the step does nothing."""
        self.run.tally.add(-1)
        try:
            return await wait()
        finally:
            self.run.tally.add(1)

    async def within(
        self, work: Callable[[], Awaitable[T]], deadline: float, limit: float, *, urgent: bool = False
    ) -> T:
        """What `work` gives if that is before `deadline`; else it is cancelled, waited for, and Failed `step.timeout` raised.

        `urgent`: the limit also strikes while the run is about to move.
        """
        crew: Crew[str] = Crew(self.run.tally)
        found: list[T] = []

        async def keep() -> None:
            found.append(await work())

        crew.spawn("work", keep())
        crew.spawn("timer", self._alarm(deadline, urgent))
        try:
            await crew.next()
        finally:
            with self.run.tearing():
                await crew.dismiss()
        if not found:
            raise Failed(StepError("step.timeout", f"the step {self.plan.id!r} took longer than {limit:g} s"))
        return found[0]

    async def _alarm(self, deadline: float, urgent: bool) -> None:
        await self.idle(lambda: self.run.effects.sleep_until(deadline))
        await self.run.admit(urgent=urgent or self.frame.urgent)

    def wait_row(
        self,
        inputs: Inputs | None,
        kind: WaitKind,
        *,
        until: float | None = None,
        reason: str | None = None,
        resume_url: str | None = None,
        child_run_id: str | None = None,
    ) -> None:
        """Says in the step's row what it waits for."""
        self.waiting = True
        if self.resumed:
            return
        self.run.effects.emit(
            replace(
                self._open_row(StepStatus.WAITING, inputs),
                wait=kind,
                wait_until=until,
                wait_reason=reason,
                resume_url=resume_url,
                child_run_id=child_run_id,
            )
        )

    def export(self) -> None:
        if self.plan.node.exports and self.inner:
            self.frame.exports[self.plan.id] = tuple(self.inner)
        self.inner = []

    def write(
        self,
        status: StepStatus,
        input_: Value = None,
        *,
        state: StepState | None = None,
        error: StepError | None = None,
        logs: tuple[LogLine, ...] = (),
        child_run_id: str | None = None,
        mocked: Mocked | None = None,
        retry_at: float | None = None,
    ) -> None:
        """The terminal row of the present attempt; `state` where the step ends with it."""
        now = self.run.effects.now()
        if state is not None:
            error = state.error
        self.run.effects.emit(
            StepRecord(
                path=self.path,
                step=self.plan.id,
                module=self.plan.module.name,
                attempt=self.attempt,
                status=status,
                started_at=self.started_at,
                finished_at=now if state is None or state.finished_at is None else state.finished_at,
                iteration=self.frame.iteration,
                input=input_,
                output=None if state is None else state.output,
                error=error,
                handle=None if state is None or not state.handles else ",".join(state.handles),
                logs=logs,
                child_run_id=child_run_id,
                mocked=mocked,
                idempotency_key=self.key if self.effect == "write" else None,
                retry_at=retry_at,
            )
        )

    def write_open(self, status: StepStatus, input_: Value) -> None:
        """A row that says the attempt goes on."""
        if self.resumed:
            return
        self.run.effects.emit(self._open_row(status, input_))

    def _open_row(self, status: StepStatus, input_: Value) -> StepRecord:
        return StepRecord(
            path=self.path,
            step=self.plan.id,
            module=self.plan.module.name,
            attempt=self.attempt,
            status=status,
            started_at=self.started_at,
            iteration=self.frame.iteration,
            input=input_,
            idempotency_key=self.key if self.effect == "write" else None,
        )

    def error_of(self, error: ExpressionError | Failed | ModuleError) -> StepError:
        """As the step's own error."""
        if isinstance(error, Failed):
            return error.error.at(self.path)
        if isinstance(error, ModuleError):
            return StepError(
                error.code,
                error.message,
                self.path,
                error.retryable is True,
                dict(error.details),
                error.retry_after,
            )
        return StepError(error.code, error.message, self.path, False, error.details)
