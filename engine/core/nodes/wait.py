"""`core.wait`: lets time pass. In a test it ends at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import seconds, text
from engine.core.outcome import Outcome
from engine.core.times import parse_time

if TYPE_CHECKING:
    from engine.core.activity import Activity

UNTIL = "until"


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    until = cast("float", at.progress[UNTIL]) if UNTIL in at.progress else _until(at, inputs)
    if at.run.start.options.unmocked == "run" and not at.run.start.options.simulate:
        at.progress[UNTIL] = until
        if until > at.run.effects.now():
            at.wait_row(inputs, "timer", until=until)
            await at.sleep_until(until)
    return Outcome()


def _until(at: Activity, inputs: Inputs) -> float:
    duration = seconds(inputs, "duration")
    if duration is not None:
        return at.started_at + duration
    try:
        return parse_time(text(inputs, UNTIL))
    except ValueError:
        raise Failed(
            StepError(
                "input.invalid", "'until' must be a time such as '2026-01-31T08:00:00Z'", details={"field": UNTIL}
            )
        ) from None


NODE = Node(run=_run)
