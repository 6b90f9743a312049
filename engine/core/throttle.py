"""`throttle: {key, count, per}`: an attempt begins when its turn has come among all runs that give the same key.

    asked    the key's text goes to the carrier's ledger, which gives a time: now, or one that is kept for this attempt
    waiting  the time is ahead: the row says so, a timer runs, nothing else is held
    begun    the time has come; the attempt's own clock (`started_at`, the step's time limit) starts here

Each attempt takes a start of its own. A start that was taken and then lost (a worker died between) is wasted, never used twice. One
that was slept through, because nothing could go on when its time came, isn't used either: all that slept would begin at
once. Another one is then asked for, with four times the patience, so that a machine that is always late goes on too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.core.sizes import holds_reference
from engine.core.source import Source, compile_source
from engine.expressions.budget import Budget
from engine.expressions.text_of import text_of
from engine.spec.document import Throttle

if TYPE_CHECKING:
    from engine.core.activity import Activity

PATIENCE = 1.0
"""Seconds after its time for which a start is still used."""
LONGEST_KEY = 200
_SHOWN = 80
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))


@dataclass(frozen=True, slots=True)
class ThrottlePlan:
    """A step's throttle, its key compiled. `per` is seconds."""

    key: Source
    count: int
    per: float

    @staticmethod
    def of(throttle: Throttle | None) -> ThrottlePlan | None:
        if throttle is None:
            return None
        return ThrottlePlan(compile_source(throttle.key), throttle.count, throttle.per)

    def reason(self, key: str) -> str:
        """What the row of a waiting attempt says."""
        shown = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…"
        starts = "1 start" if self.count == 1 else f"{self.count} starts"
        return f"at most {starts} per {_span(self.per)} share the key {shown!r}"


async def take_turn(at: Activity) -> None:
    """Returns when the attempt may begin. Raises ExpressionError, Failed for the key."""
    plan, options, effects = at.plan.throttle, at.run.start.options, at.run.effects
    if plan is None or (at.resumed and at.slot is None):
        return
    if options.unmocked == "fail" or options.simulate:  # waits of tests end at once
        return
    patience = PATIENCE
    while True:
        if at.slot is None:
            key = await _key(at, plan)
            with at.run.calling():
                due = await effects.take_start(_bounded(key), plan.count, plan.per)
            if due <= effects.now():
                break
            at.slot = due
            at.wait_row(None, "throttle", until=due, reason=plan.reason(key))
        at.waiting = True
        await at.sleep_until(at.slot)
        at.resumed = False  # what follows is new
        await at.gate()
        late = effects.now() - at.slot
        at.slot, at.waiting = None, False
        if late <= patience:
            break
        patience *= 4.0
    at.started_at = effects.now()


async def _key(at: Activity, plan: ThrottlePlan) -> str:
    value = await at.value_of(plan.key, at.frame)
    if holds_reference(value):
        value = await at.run.evaluate(plan.key, at.frame, whole=True)
    return text_of(value, Budget())


def _bounded(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    return f"sha256:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _span(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
