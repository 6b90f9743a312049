"""The one workflow: a run, from its arguments to its end, over as many histories as it takes.

    arguments ── interpreter over `TemporalEffects` ──► end: last rows and the run's end in one commit, then the workflow completes
                     │ the history is getting long
                     └── drain ── snapshot ── continue as new with the snapshot

The interpreter is deterministic by itself; this file adds no decisions. An exception here or there fails the workflow *task*, which Temporal
repeats: a run waits for a repaired deployment rather than being lost to a fault of ours.

Histories of all runs that are open anywhere are replayed against this code. Whatever changes the order or kind of commands needs a patch
(`engine/names.py`), and `tests/engine/histories` says whether it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from engine import names
    from engine.core.interpreter import Run
    from engine.core.plan import build_plan
    from engine.expressions.values import Json
    from engine.run_args import RunArgs
    from engine.workflows.effects import TemporalEffects
    from modules.registry import load_registry

JsonObject = dict[str, Json]


@workflow.defn(name=names.RUN)
class RunWorkflow:
    def __init__(self) -> None:
        self._run: Run | None = None
        self._effects: TemporalEffects | None = None
        self._early: list[tuple[str, str]] = []
        self._stop: Literal["cancelled", "timed_out"] | None = None

    @workflow.run
    async def run(
        self, argument: object
    ) -> None:  # `RunArgs.dump`; Temporal evaluates annotations, and `Json` is recursive
        args = RunArgs.load(cast("JsonObject", argument))
        effects = TemporalEffects(args.head, self._cancel)
        run = Run(build_plan(args.compiled), args.start, effects, load_registry().pure())
        self._effects = effects
        for kind, what in self._early:
            effects.signal(kind, what)
        writing = asyncio.create_task(effects.keep_written())
        executing = asyncio.create_task(run.execute())
        await asyncio.sleep(0)  # the run has its task from here on, so it can be cancelled
        self._run = run
        if (stop := self._stop or args.cancel) is not None:
            run.cancel(stop)
        await self._until(lambda: executing.done() or effects.moving)
        if not executing.done():
            draining = asyncio.create_task(run.drain())
            await self._until(lambda: executing.done() or draining.done())
        if executing.done():
            writing.cancel()
            await effects.finish(executing.result())
            return
        memo = run.snapshot()
        await effects.settle()
        await workflow.wait_condition(workflow.all_handlers_finished)
        moved = replace(args, start=replace(args.start, memo=memo), cancel=self._stop)
        workflow.continue_as_new(moved.dump())

    @workflow.signal(name=names.SIGNAL_CANCEL)
    def cancel(self, reason: str) -> None:
        self._cancel(reason)

    @workflow.signal(name=names.SIGNAL_RESUME)
    def resume(self, path: str) -> None:
        self._wake(names.SIGNAL_RESUME, path)

    @workflow.signal(name=names.SIGNAL_CHILD)
    def child(self, run_id: str) -> None:
        self._wake(names.SIGNAL_CHILD, run_id)

    def _wake(self, kind: str, what: str) -> None:
        if self._effects is None:
            self._early.append((kind, what))
        else:
            self._effects.signal(kind, what)

    def _cancel(self, reason: str) -> None:
        """Whatever the reason says, it is the end of the run; its text stands in the run's row."""
        stop: Literal["cancelled", "timed_out"] = "timed_out" if reason == "timed_out" else "cancelled"
        self._stop = self._stop or stop
        if self._run is not None:
            self._run.cancel(stop)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Until it holds. Temporal's own cancel (by its tools) is the same as ours."""
        while True:
            try:
                await workflow.wait_condition(condition)
            except asyncio.CancelledError:
                self._cancel("cancelled")
            else:
                return
