"""The workflow of one turn: asks the loop what is next, and has it done.

    think ──► decide ──► use_tool … ──► decide ──► think … ──► finish

Each activity looks first for what it has left, so any of them may be made again. Arguments and results are ids and counts; what was said lies
in PostgreSQL. Cancelling ends what is under way, and then the turn: what was said by then stays.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from copilot import names
    from copilot.core.loop import Answered, Finish, Heard, Limits, State, Think, ToolDone, UseTool, begin, decide
    from engine.expressions.values import Json

JsonObject = dict[str, Json]

THINKING = timedelta(minutes=10)
USING = timedelta(minutes=5)
BEAT = timedelta(seconds=12)
ENDING = timedelta(seconds=6)
"""One commit: what is lost with its process is made again after this."""
_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=20), maximum_attempts=6
)
_FOR_EVER = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10))


@workflow.defn(name=names.TURN)
class TurnWorkflow:
    @workflow.run
    async def run(self, argument: object) -> None:
        turn = cast("JsonObject", argument)
        end: JsonObject = {"status": "completed", "stop": None, "error": None}
        try:
            end["stop"] = await self._talk(turn)
        except asyncio.CancelledError:
            end["status"] = "cancelled"
        except ActivityError as error:
            if is_cancelled_exception(error):
                end["status"] = "cancelled"
            else:
                end |= {"status": "failed", "error": _told(error)}
        await asyncio.shield(
            workflow.execute_activity(
                names.FINISH, {**turn, **end}, start_to_close_timeout=ENDING, retry_policy=_FOR_EVER
            )
        )

    async def _talk(self, turn: JsonObject) -> str | None:
        state, action = begin()
        limits = Limits()
        while not isinstance(action, Finish):
            heard: Heard
            if isinstance(action, Think):
                heard, limits = await self._think(turn, action.step, limits)
            else:
                heard = await self._use(turn, action)
            state, action = self._next(state, heard, limits)
        return action.stop

    def _next(self, state: State, heard: Heard, limits: Limits) -> tuple[State, Think | UseTool | Finish]:
        return decide(state, heard, limits)

    async def _think(self, turn: JsonObject, step: int, limits: Limits) -> tuple[Answered, Limits]:
        gave = cast(
            "JsonObject",
            await workflow.execute_activity(
                names.THINK,
                {**turn, "step": step},
                start_to_close_timeout=THINKING,
                heartbeat_timeout=BEAT,
                retry_policy=_RETRY,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            ),
        )
        cost = gave["cost_limit"]
        return (
            Answered(int(cast("int", gave["calls"])), int(cast("int", gave["tokens"])), int(cast("int", gave["cost"])), gave["cut"] is True),
            Limits(cost=cost if isinstance(cost, int) else limits.cost),
        )  # fmt: skip

    async def _use(self, turn: JsonObject, action: UseTool) -> ToolDone:
        gave = cast(
            "JsonObject",
            await workflow.execute_activity(
                names.USE_TOOL,
                {**turn, "step": action.step, "position": action.position},
                start_to_close_timeout=USING,
                heartbeat_timeout=BEAT,
                retry_policy=_FOR_EVER,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            ),
        )
        failure = gave["failure"]
        return ToolDone(failure if isinstance(failure, str) else None, gave["ends"] is True)


def _told(error: ActivityError) -> JsonObject:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type:
        return {"code": cause.type, "message": cause.message}
    return {"code": "copilot.failed", "message": "The copilot failed in a way that it did not foresee. Try again."}
