"""`human.approve`: asks people by mail, and waits for the first answer.

    begun ── mails sent (a bare call) ── waiting, like an event step ── posted ──► `approved` | `refused`
                └─ failed: the attempt   └─ `until` in `progress` says        └─ in vain ──► `timeout`, or fails
                   fails, and is retried    that the mails went out

The mails and the wait are one attempt with one row. A crash before the wait is known sends the mails again, under the same message ids; one
after it sends nothing: a continued history and a recovery from rows both bring `until` along, and only a step that waits has it.

Whoever didn't answer in time isn't asked again by a retry: the second mail would be taken for the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from engine.core.calling import call_of
from engine.core.effects import EventWait
from engine.core.errors import Failed, StepError
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import seconds
from engine.core.nodes.wait_for_event import TIMEOUT, UNTIL
from engine.core.outcome import Outcome
from engine.expressions.values import Ref, Value

if TYPE_CHECKING:
    from engine.core.activity import Activity

MODULE = "human.approve"
DECISION = "decision"
APPROVED, REFUSED = "approved", "refused"


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    limit = seconds(inputs, TIMEOUT)
    if UNTIL not in at.progress:
        await _ask(at)
        at.progress[UNTIL] = None if limit is None else at.started_at + limit
        at.resumed = False  # taken up before the mails went out, it has no row yet that says that it waits
    until = cast("float | None", at.progress[UNTIL])
    at.wait_row(inputs, "event", until=until, reason="an answer by mail")
    answer = await at.idle(lambda: at.run.effects.wait_event(EventWait(at.path, until)))
    await at.gate()
    if not answer.timed_out:
        return Outcome(answer.body, handles=(await _decision(at, answer.body),))
    if TIMEOUT in at.plan.out:
        return Outcome(handles=(TIMEOUT,))
    at.counted = max(at.counted, at.plan.policy(True, "write").max_attempts)
    raise Failed(StepError("event.timeout", f"nobody answered {at.plan.id!r} in time"))


async def _ask(at: Activity) -> None:
    call = call_of(at, True, at.plan.policy(True, "write"))
    # Its start was counted with the attempt's; a mail that is sent again is no other one.
    call = replace(call, bare=True, throttled=False, timeout=min(call.timeout, at.plan.module.timeout))
    with at.run.calling():
        made = await at.run.effects.call_module(call)
    if made.error is not None:
        raise Failed(made.error)


async def _decision(at: Activity, body: Value) -> str:
    """It stands first in the body, wherever that is kept."""
    if isinstance(body, Ref):
        with at.run.calling():
            page = await at.run.effects.load_page(body, 0)
        first = page.items[0]
        found = first.get("value") if isinstance(first, dict) else None
    else:
        found = body.get(DECISION) if isinstance(body, dict) else None
    return APPROVED if found == APPROVED else REFUSED


NODE = Node(run=_run, outside=True)
