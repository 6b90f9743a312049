"""What a user would write instead: the same steps as activities of a Temporal workflow, without document, log, outbox or versions.

`Activities` is how most people write it: ordinary activities, one after another, ordinary start. `LocalActivities` is the
best hand: local activities, to be started eagerly.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow

LIMIT = timedelta(seconds=30)


@activity.defn(name="bench_step")
async def bench_step(amount: int) -> int:
    """The work of one step: nothing but the arithmetic that the document's step does."""
    return amount + 1


@workflow.defn(name="bench_activities")
class Activities:
    @workflow.run
    async def run(self, amount: int, steps: int) -> int:
        for _ in range(steps):
            amount = await workflow.execute_activity(bench_step, amount, start_to_close_timeout=LIMIT)
        return amount


@workflow.defn(name="bench_local_activities")
class LocalActivities:
    @workflow.run
    async def run(self, amount: int, steps: int) -> int:
        for _ in range(steps):
            amount = await workflow.execute_local_activity(bench_step, amount, start_to_close_timeout=LIMIT)
        return amount


@workflow.defn(name="bench_answering")
class Answering:
    """Like `Activities`; who started it waits for the answer by an update."""

    def __init__(self) -> None:
        self._answer: int | None = None

    @workflow.run
    async def run(self, amount: int, steps: int) -> int:
        for _ in range(steps):
            amount = await workflow.execute_activity(bench_step, amount, start_to_close_timeout=LIMIT)
        self._answer = amount
        await workflow.wait_condition(workflow.all_handlers_finished)
        return amount

    @workflow.update
    async def answer(self) -> int:
        await workflow.wait_condition(lambda: self._answer is not None)
        assert self._answer is not None
        return self._answer
