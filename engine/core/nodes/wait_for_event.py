"""`core.wait_for_event`: waits for a body posted to the step's resume address, which is known since its scope began."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.effects import EventWait
from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import seconds
from engine.core.outcome import Outcome
from engine.expressions.values import Json

if TYPE_CHECKING:
    from engine.core.activity import Activity

UNTIL = "until"
TIMEOUT = "timeout"


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    if UNTIL not in at.progress:
        limit = seconds(inputs, TIMEOUT)
        at.progress[UNTIL] = None if limit is None else at.started_at + limit
    until = cast("float | None", at.progress[UNTIL])
    address = at.frame.around.address
    at.wait_row(inputs, "event", until=until, resume_url=None if address is None else address(at.path))
    wait = EventWait(at.path, until, cast("Json", inputs.get("schema")), cast("Json", inputs.get("form")))
    answer = await at.idle(lambda: at.run.effects.wait_event(wait))
    await at.gate()
    if not answer.timed_out:
        return Outcome(answer.body)
    if TIMEOUT in at.plan.out:
        return Outcome(handles=(TIMEOUT,))
    raise Failed(StepError("event.timeout", f"nobody answered {at.plan.id!r} in time"))


NODE = Node(run=_run, outside=True)
