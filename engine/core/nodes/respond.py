"""`core.respond`: answers whoever waits on a sync webhook; the run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.effects import Response
from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import an_object, invalid, whole_number
from engine.core.outcome import Outcome, StepState

if TYPE_CHECKING:
    from engine.core.activity import Activity


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    run = at.run
    if run.responded:
        raise Failed(StepError("respond.twice", "this run has answered its caller already"))
    headers: dict[str, str] = {}
    for name, value in an_object(inputs, "headers").items():
        if not isinstance(value, str):
            raise invalid(f"headers/{name}", "a text", value)
        headers[name] = value
    response = Response(whole_number(inputs, "status", 200, 200, 599), headers, inputs.get("body"))
    run.responded = True  # before the effect: of two at once the second one fails
    delivered = False
    if run.start.reply:
        with run.calling():
            delivered = await run.effects.respond(response)
    return Outcome({"delivered": delivered})


def _after(at: Activity, _state: StepState) -> None:
    at.run.responded = True


NODE = Node(run=_run, after=_after)
