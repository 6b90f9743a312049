"""`core.subworkflow`: another workflow as a step.

The child is named by the step's key and attempt: a repeated start finds it, a retry begins another. Its own idempotency keys begin with the
step's key, whatever the attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_never, cast

from engine.core.effects import ChildEnd, ChildStart
from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import invalid, text
from engine.core.outcome import Outcome

if TYPE_CHECKING:
    from engine.core.activity import Activity

MAX_DEPTH = 8
CHILD = "child"


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    wait = inputs.get("wait", True)
    if not isinstance(wait, bool):
        raise invalid("wait", "true or false", wait)
    if CHILD not in at.progress:
        at.progress[CHILD] = await _start(at, inputs, wait)
    child = cast("str", at.progress[CHILD])
    if not wait:
        return Outcome({"run_id": child}, child_run_id=child)
    at.wait_row(inputs, "child", child_run_id=child)
    end = await at.idle(lambda: at.run.effects.wait_child(child))
    await at.gate()
    return _outcome(end, child)


async def _start(at: Activity, inputs: Inputs, wait: bool) -> str:
    depth = at.run.start.depth + 1
    if depth > MAX_DEPTH:
        raise Failed(
            StepError(
                "subworkflow.depth", f"workflows call each other more than {MAX_DEPTH} deep: is one calling itself?"
            )
        )
    version = inputs.get("version", "deployed")
    if version != "deployed" and (not isinstance(version, int) or isinstance(version, bool)):
        raise invalid("version", "'deployed' or a number", version)
    start = ChildStart(
        path=at.path,
        attempt=at.attempt,
        workflow=text(inputs, "workflow"),
        version=cast("int | Literal['deployed']", version),
        input=inputs.get("input"),
        key=at.key,
        depth=depth,
        wait=wait,
    )
    with at.run.calling():
        return await at.run.effects.start_child(start)


def _outcome(end: ChildEnd, child: str) -> Outcome:
    match end.status:
        case "succeeded":
            return Outcome(end.output, child_run_id=child)
        case "cancelled":
            raise Failed(StepError("subworkflow.cancelled", "the child run was cancelled", details={"run_id": child}))
        case "timed_out":
            error = end.error or StepError("run.timeout", "the child run took longer than its limit")
        case "failed":
            error = end.error or StepError("subworkflow.failed", "the child run failed")
        case _:
            assert_never(end.status)
    details = {**error.details, "run_id": child, "child_step": error.step}
    raise Failed(StepError(error.code, error.message, None, error.retryable, details))


NODE = Node(run=_run, outside=True)
