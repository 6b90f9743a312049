"""`throttle: {key, count, per}`: an attempt begins when its turn has come among all runs that give the same key.

    asked    the key's text goes to the carrier's ledger, which gives a time: now, or one that is kept for this attempt
    waiting  the time is ahead: the row says so, a timer runs, nothing else is held
    begun    the time has come; the attempt's own clock (`started_at`, the step's time limit) starts here

Each attempt takes a start of its own. A start that was taken and then lost (a worker died between) is wasted, never used twice. One
that was slept through, because nothing could go on when its time came, isn't used either: all that slept would begin at
once. Another one is then asked for, with four times the patience, so that a machine that is always late goes on too.

A step may have two turns to take: its own throttle's, and then that of its connection's rate limit, whose count and time the carrier looks
up when it is asked. Each is taken when the one before has come, so none is kept for longer than it is waited for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
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


def limited_by(at: Activity) -> str | None:
    """The step's connection, if it had a rate limit when the run began."""
    name = at.plan.step.connection
    return name if name is not None and name in at.run.start.limited and at.effect != "none" else None


async def take_turn(at: Activity) -> None:
    """Returns when the attempt may begin. Raises ExpressionError, Failed for the key."""
    options = at.run.start.options
    turns = [turn for turn in (_own_turn(at), _turn_of_connection(at)) if turn is not None]
    if not turns or (at.resumed and at.slot is None):
        return
    if options.unmocked == "fail" or options.simulate:  # waits of tests end at once
        return
    for number in range(at.turn, len(turns)):
        at.turn = number
        await _taken(at, turns[number])
    at.turn = 0
    at.started_at = at.run.effects.now()


@dataclass(frozen=True, slots=True)
class _Turn:
    """`ask` gives the time of the next start, and what the row of an attempt that waits for it says."""

    ask: Callable[[], Awaitable[tuple[float, str]]]


def _own_turn(at: Activity) -> _Turn | None:
    plan = at.plan.throttle
    if plan is None:
        return None

    async def ask() -> tuple[float, str]:
        key = await _key(at, plan)
        with at.run.calling():
            return await at.run.effects.take_start(_bounded(key), plan.count, plan.per), plan.reason(key)

    return _Turn(ask)


def _turn_of_connection(at: Activity) -> _Turn | None:
    name = limited_by(at)
    if name is None:
        return None

    async def ask() -> tuple[float, str]:
        with at.run.calling():
            return await at.run.effects.take_turn_of(name), f"the rate limit of the connection {name!r}"

    return _Turn(ask)


async def _taken(at: Activity, turn: _Turn) -> None:
    """Returns when that turn has come."""
    effects = at.run.effects
    patience = PATIENCE
    while True:
        if at.slot is None:
            due, reason = await turn.ask()
            if due <= effects.now():
                return
            at.slot = due
            at.wait_row(None, "throttle", until=due, reason=reason)
        at.waiting = True
        await at.sleep_until(at.slot)
        at.resumed = False  # what follows is new
        await at.gate()
        late = effects.now() - at.slot
        at.slot, at.waiting = None, False
        if late <= patience:
            return
        patience *= 4.0


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
