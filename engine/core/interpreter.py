"""A run of a workflow, over whatever carries it.

    run = Run(build_plan(compiled), start, effects, pure)
    end = await run.execute()

The document's rules are in `scope.py` (which step is next), `activity.py` (one step: attempts, errors, rows) and
`nodes/` (one construct each);
here is what they share, and the run's own beginning and end.

**Cancelling.** `cancel` tells the run's own task, once. Each scope that the cancellation passes tells its tasks, once
each, waits for them, and lets it pass on; `core.try` runs its `finally` on the way. So nothing is ever told twice,
and whoever waits in a `finally` isn't disturbed.

**Moving to a new history.** `drain` lets no new step begin and returns when no call is in flight and nothing is being
torn down. What waits (timers,
retries, events, children) stays as it is. Then `snapshot` says, by path, how each step of the open scopes ended and
how far the open steps are;
a new `Run` with that as its `memo` goes on from there. Loops remember results and the next index, never ended
iterations. What is derived isn't
kept: which edges were taken, which scope is failing, which way out is being taken all follow again from the outcomes.
The one thing that can't be
derived is a cancellation from outside; `drain` therefore waits until it is through.

**Being taken up.** First all that was open is opened again, down to what it waits for, while everything new is held
back (`rest`); then the run goes on.
So whatever is cancelled, by a failure that is remembered or from outside, is there to be told, and its `finally` runs.

The same memo serves a run whose history was lost, and a replay from a step: see `memo.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from engine.core.crew import Crew, Tally
from engine.core.effects import Effects, Evaluation
from engine.core.errors import Failed, StepError
from engine.core.frame import Frame, Surroundings
from engine.core.memo import (
    Memo,
    collect,
    is_cancelled,
    is_open,
    is_outcome,
    numbers_of,
    responded_in,
    restore_inner,
    state_from_memo,
)
from engine.core.needs import pruned
from engine.core.outcome import Break, Continue, Stop
from engine.core.plan import Plan
from engine.core.records import RunEnd, RunStatus
from engine.core.resume import resume_url
from engine.core.scope import run_root
from engine.core.source import Source
from engine.core.start import RunStart
from engine.core.times import rfc3339
from engine.expressions.errors import ExpressionError, NeedsData
from engine.expressions.values import Value
from modules.sdk.declaration import Pure

if TYPE_CHECKING:
    from engine.core.activity import Activity


class Run:
    """One run. `execute` may be awaited once; `cancel`, `drain` and `snapshot` are called beside it, on the same event loop.

    `pure` holds, by `app.action@version`, the functions of modules that run inside the workflow.
    """

    def __init__(self, plan: Plan, start: RunStart, effects: Effects, pure: Mapping[str, Pure]) -> None:
        self.plan = plan
        self.start = start
        self.effects = effects
        self.pure = pure
        self.tally = Tally(effects.parked)
        self.memo: Memo = dict(start.memo or {})
        self.numbers: dict[str, int] = numbers_of(self.memo)
        """The last attempt of each step inside of containers that may be tried again."""
        self.mocked = bool(start.options.mocks) or start.options.unmocked == "fail" or start.options.simulate
        self.draining = False
        self.resuming = any(is_open(entry) for entry in self.memo.values())
        """True until all that was open is open again."""
        self._held: list[asyncio.Future[None]] = []
        self._moved = False
        self.responded = responded_in(self.memo)
        self._calls = 0
        self._torn = 0
        self._quiet: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping: Literal["cancelled", "timed_out"] | None = None
        self._end: RunEnd | None = None
        self._root = Frame(plan.root, "", None, Surroundings(self._names(), self._address if start.resume else None))

    # --- for the carrier -----------------------------------------------------------------------------------------

    @property
    def stopping(self) -> Literal["cancelled", "timed_out"] | None:
        """Why the run is being cancelled, if it is."""
        return self._stopping

    async def execute(self) -> RunEnd:
        """Carries the run out to its end; its deadline is kept here. Never raises for what a document or its data do."""
        crew: Crew[str] = Crew(self.tally)
        if self.resuming:
            self.tally.watch = self._check_rest
        self._task = crew.spawn("run", self._main())
        if self.start.deadline is not None:
            crew.spawn("deadline", self._deadline(self.start.deadline))
        try:
            while await crew.next() != "run":
                pass
        except asyncio.CancelledError:
            if self._end is None and self._stopping is None:
                raise  # the carrier itself is going away
        finally:
            await crew.dismiss()
        if self._end is None:
            self._end = self._cancelled_end()
        return self._end

    def cancel(self, reason: Literal["cancelled", "timed_out"]) -> None:
        """Ends the run: what is in flight is told now, `finally` slots run, `catch` slots don't. A second call changes
        nothing, nor does one after `snapshot`: the run goes on elsewhere and must be told there."""
        if self._stopping is None and self._end is None and not self._moved:
            self._stopping = reason
            if self._task is not None and not self.resuming:
                self._task.cancel()

    async def drain(self) -> None:
        """Returns once nothing more will change until `snapshot`; from then on the run stands still for good.

        A run that is being cancelled isn't held up: it ends soon, and this may then never return.
        """
        self.draining = True
        while self._calls or self._torn or self._stopping:
            self._quiet = asyncio.get_running_loop().create_future()
            await self._quiet

    def snapshot(self) -> dict[str, Value]:
        """What a new `Run` takes as `memo`. Only after `drain` returned, with nothing awaited between that matters to the run."""
        self._moved = True
        memo: dict[str, Value] = {path: entry for path, entry in self.memo.items() if path}
        collect(self._root, memo)
        if self.numbers or self.responded:
            numbers: dict[str, Value] = {**self.numbers}
            memo[""] = {"numbers": numbers, "responded": self.responded}
        return memo

    # --- for scopes and steps ------------------------------------------------------------------------------------

    async def hold(self) -> None:
        """Never returns: the run goes on elsewhere."""
        await asyncio.get_running_loop().create_future()

    async def admit(self, *, urgent: bool, resumed: bool = False) -> None:
        """Returns when something new may begin: never while the run is about to move, nor while it is being taken up (but for what is taken up).

        `urgent`: it isn't held back from what it tears down. Each is asked again after the other one, since both may begin meanwhile.
        """
        while True:
            if self.draining and not urgent:
                await self.hold()
            if resumed or not self.resuming:
                return
            await self.rest()

    async def rest(self) -> None:
        """While the run is being taken up: waits until all that was open is open again, and nobody goes on."""
        held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append(held)
        self._check_rest()
        try:
            await held
        finally:
            if held in self._held:
                self._held.remove(held)

    @contextmanager
    def calling(self) -> Generator[None]:
        """Around each effect that must end before the run can move."""
        self._calls += 1
        self._check_rest()
        try:
            yield
        finally:
            self._calls -= 1
            self._check_quiet()

    @contextmanager
    def tearing(self) -> Generator[None]:
        """Around each wait for what was cancelled."""
        self._torn += 1
        try:
            yield
        finally:
            self._torn -= 1
            self._check_quiet()

    async def evaluate(self, source: Source, frame: Frame, *, whole: bool) -> Value:
        """An expression that must look inside data kept by reference."""
        with self.calling():
            return await self.effects.evaluate(
                Evaluation(source.value, pruned(frame.scope(source.needs), source.needs), whole)
            )

    def remembers(self, path: str) -> bool:
        """Whether the run was taken up with this step already ended."""
        entry = self.memo.get(path)
        return entry is not None and is_outcome(entry)

    def was_cancelled(self, path: str) -> bool:
        """Whether the step had been cancelled when the run was taken up: what did that will do it again."""
        entry = self.memo.get(path)
        return entry is not None and is_cancelled(entry)

    def was_open(self, path: str) -> bool:
        """Whether the run was taken up in the middle of this step."""
        entry = self.memo.get(path)
        return entry is not None and is_open(entry)

    def recall(self, path: str) -> Value:
        """Takes out what the memo says of a path; None where it says nothing."""
        return self.memo.pop(path, None)

    def recall_cancelled(self, frame: Frame) -> None:
        """In a scope that ends early: its steps that had been cancelled already when the run was taken up."""
        if not self.memo:
            return
        for step in frame.plan.steps:
            if step.id not in frame.states:
                entry = self.memo.pop(frame.prefix + step.id, None)
                state = None if entry is None else state_from_memo(entry)
                if state is not None:
                    frame.states[step.id] = state

    def restore_inner(self, activity: Activity) -> None:
        """The inner steps of an ended container that later steps may read."""
        restore_inner(activity, self.memo)

    def forget(self, path: str) -> None:
        """A container begins again: nothing of its earlier attempt holds."""
        if self.memo:
            inside = (f"{path}.", f"{path}[")
            for key in [key for key in self.memo if key.startswith(inside)]:
                del self.memo[key]

    # --- beginning and end ---------------------------------------------------------------------------------------

    async def _main(self) -> None:
        try:
            self._end = await self._carried_out()
        except asyncio.CancelledError:
            if self._stopping is None:
                raise
            self._end = self._cancelled_end()

    async def _carried_out(self) -> RunEnd:
        trigger = self.start.trigger_id
        started = None if trigger is None else self.plan.started.get(trigger)
        try:
            await run_root(self, self._root, started, self.plan.triggered)
        except Stop as stop:
            if stop.status == "cancelled":
                return RunEnd(RunStatus.CANCELLED, stop.output)  # null unless the author said something
            return RunEnd(RunStatus.SUCCEEDED, stop.output) if stop.has_output else await self._succeeded()
        except Failed as failure:
            return RunEnd(RunStatus.FAILED, error=failure.error)
        except (Break, Continue) as out:
            raise AssertionError("a validated document has these only inside loops") from out
        return await self._succeeded()

    async def _succeeded(self) -> RunEnd:
        output = self.plan.output
        if output is None:
            return RunEnd(RunStatus.SUCCEEDED)
        try:
            try:
                value = output.render(self._root.scope(output.needs))
            except NeedsData:
                value = await self.evaluate(output, self._root, whole=False)
        except ExpressionError as error:
            return RunEnd(RunStatus.FAILED, error=StepError(error.code, error.message, details=error.details))
        except Failed as failure:
            return RunEnd(RunStatus.FAILED, error=failure.error)
        return RunEnd(RunStatus.SUCCEEDED, value)

    def _cancelled_end(self) -> RunEnd:
        if self._stopping == "timed_out":
            limit = self.plan.document.settings.timeout
            text = "the run took longer than its limit" if limit is None else f"the run took longer than {limit:g} s"
            return RunEnd(RunStatus.TIMED_OUT, error=StepError("run.timeout", text))
        return RunEnd(RunStatus.CANCELLED)

    async def _deadline(self, when: float) -> None:
        self.tally.add(-1)
        try:
            await self.effects.sleep_until(when)
        finally:
            self.tally.add(1)
        self.cancel("timed_out")

    def _check_rest(self) -> None:
        if not self.resuming or self.tally.count > len(self._held) + self._calls:
            return
        self.resuming = False
        self.tally.watch = None
        if self._stopping is not None and self._task is not None:
            self._task.cancel()
        held, self._held = self._held, []
        for one in held:
            if not one.done():
                one.set_result(None)

    def _check_quiet(self) -> None:
        if self._quiet is not None and not self._quiet.done() and not self._calls and not self._torn:
            self._quiet.set_result(None)

    def _address(self, path: str) -> str:
        assert self.start.resume is not None
        return resume_url(self.start.resume, self.start.run_id, path)

    def _names(self) -> dict[str, Value]:
        start = self.start
        return {
            "trigger": dict(start.trigger),
            "input": start.trigger.get("body"),
            "vars": dict(start.vars),
            "run": {"id": start.run_id, "started_at": rfc3339(start.started_at)},
            "workflow": {"id": start.workflow.id, "name": start.workflow.name, "version": start.workflow.version},
        }
