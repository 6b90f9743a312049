"""`core.wait_for_event`: waits for a body posted to the step's resume address, known since its scope began, or told under its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.effects import EventWait
from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import here, invalid, seconds
from engine.core.outcome import Outcome
from engine.expressions.values import Json

if TYPE_CHECKING:
    from engine.core.activity import Activity

UNTIL = "until"
TIMEOUT = "timeout"
_LONGEST_KEY = 500


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    if UNTIL not in at.progress:
        limit = seconds(inputs, TIMEOUT)
        at.progress[UNTIL] = None if limit is None else at.started_at + limit
    until = cast("float | None", at.progress[UNTIL])
    address = at.frame.around.address
    at.wait_row(inputs, "event", until=until, resume_url=None if address is None else address(at.path))
    wait = EventWait(at.path, until, cast("Json", inputs.get("schema")), cast("Json", inputs.get("form")), _key(inputs))
    answer = await at.idle(lambda: at.run.effects.wait_event(wait))
    await at.gate()
    if not answer.timed_out:
        return Outcome(answer.body)
    if TIMEOUT in at.plan.out:
        return Outcome(handles=(TIMEOUT,))
    raise Failed(StepError("event.timeout", f"nobody answered {at.plan.id!r} in time"))


def _key(inputs: Inputs) -> str | None:
    given = here(inputs.get("key"))
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if given is None or given == "":
        return None
    if not isinstance(given, str) or len(given) > _LONGEST_KEY or not given.isprintable():
        raise invalid("key", f"a text of at most {_LONGEST_KEY} printable characters", given)
    return given


NODE = Node(run=_run, outside=True)
