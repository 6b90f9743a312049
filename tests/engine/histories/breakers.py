"""Deliberate changes to interpreter and carrier that would break runs which are open at an upgrade: each must be caught by a replay.

`python -m tests.engine.histories.breakers` tries each in turn, in this process only, and prints which recording found it out:
`name: recording`. It ends with 1 if one went unnoticed. `test_breakers.py` starts it as a process of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine import names
from engine.core import attempts, scope
from engine.core.interpreter import Run
from engine.core.nodes import for_each
from engine.workflows import effects as carrier
from engine.workflows import rows
from engine.workflows.activity_calls import ActivityCalls
from engine.workflows.budget import LocalBudget
from engine.workflows.effects import TemporalEffects
from tests.engine.histories import recordings

Breaker = Callable[[], Iterator[None]]
BREAKERS: dict[str, Breaker] = {}


def breaker(change: Breaker) -> Breaker:
    BREAKERS[change.__name__] = change
    return change


@contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@breaker
def ready_steps_start_in_reverse() -> Iterator[None]:
    before = scope._run

    async def changed(run: object, frame: object, ready: list[object]) -> None:
        await before(run, frame, ready[::-1])  # type: ignore[arg-type]

    with replaced(scope, "_run", changed):
        yield


@breaker
def ready_steps_start_in_the_order_of_a_set() -> Iterator[None]:
    before = scope._run

    async def changed(run: object, frame: object, ready: list[object]) -> None:
        await before(run, frame, _as_a_set_would(ready))  # type: ignore[arg-type]

    with replaced(scope, "_run", changed):
        yield


def _as_a_set_would(steps: list[object]) -> list[object]:
    """By address in memory: any order but, here, the right one."""
    found = sorted(steps, key=id)
    return found if found != steps else found[1:] + found[:1]


@breaker
def an_activity_is_renamed() -> Iterator[None]:
    with replaced(names, "RUN_MODULE", "run_module_2"):
        yield


@breaker
def the_record_is_renamed() -> Iterator[None]:
    with replaced(names, "RECORD", "record_2"):
        yield


@breaker
def rows_of_a_parked_run_are_not_written() -> Iterator[None]:
    async def never(self: TemporalEffects) -> None:
        await asyncio.get_running_loop().create_future()

    with replaced(TemporalEffects, "keep_written", never):
        yield


@breaker
def each_sleep_takes_a_second_timer() -> Iterator[None]:
    before = TemporalEffects.sleep_until

    async def changed(self: TemporalEffects, when: float) -> None:
        await before(self, when)
        await asyncio.sleep(0.001)

    with replaced(TemporalEffects, "sleep_until", changed):
        yield


@breaker
def short_sleeps_are_left_out() -> Iterator[None]:
    before = TemporalEffects.sleep_until

    async def changed(self: TemporalEffects, when: float) -> None:
        if when - self.now() > 0.45:
            await before(self, when)

    with replaced(TemporalEffects, "sleep_until", changed):
        yield


@breaker
def the_clock_is_read() -> Iterator[None]:
    """The machine's time decides whether a wait is over: in a replay it always is."""
    with replaced(TemporalEffects, "now", lambda self: time.time()):
        yield


@breaker
def chance_is_the_machines() -> Iterator[None]:
    """A call is made locally or not by a coin of the machine's own."""
    with replaced(carrier, "_may_be_local", lambda call: random.random() < 0.3):
        yield


@breaker
def the_environment_decides() -> Iterator[None]:
    with replaced(carrier, "_may_be_local", lambda call: "MILLSTREAM_LOCAL" in os.environ):
        yield


@breaker
def writes_become_local() -> Iterator[None]:
    with replaced(carrier, "_may_be_local", lambda call: True):
        yield


@breaker
def chunks_are_smaller() -> Iterator[None]:
    with replaced(carrier, "CHUNK", 250), replaced(rows, "CHUNK", 250):
        yield


@breaker
def histories_are_shorter() -> Iterator[None]:
    with replaced(carrier, "CHUNKS_A_HISTORY", 4):
        yield


@breaker
def histories_are_longer() -> Iterator[None]:
    with replaced(carrier, "CHUNKS_A_HISTORY", 1_000):
        yield


@breaker
def the_local_budget_is_larger() -> Iterator[None]:
    with replaced(LocalBudget, "allows", lambda self: self.calls < 10_000):
        yield


@breaker
def calls_are_not_numbered() -> Iterator[None]:
    with replaced(ActivityCalls, "_id", lambda self, name, about: name):
        yield


@breaker
def the_end_is_written_apart() -> Iterator[None]:
    before = TemporalEffects.finish

    async def changed(self: TemporalEffects, end: object) -> None:
        await self.settle()
        await before(self, end)  # type: ignore[arg-type]

    with replaced(TemporalEffects, "finish", changed):
        yield


@breaker
def an_event_is_not_looked_for_before_its_wait() -> Iterator[None]:
    before = TemporalEffects.wait_event

    async def changed(self: TemporalEffects, wait: object) -> object:
        await asyncio.sleep(0.01)
        return await before(self, wait)  # type: ignore[arg-type]

    with replaced(TemporalEffects, "wait_event", changed):
        yield


@breaker
def attempts_are_not_repeated() -> Iterator[None]:
    with replaced(attempts, "decide", lambda *_: None):
        yield


@breaker
def a_memo_is_forgotten() -> Iterator[None]:
    """A continued history that begins at the beginning."""
    before = Run.__init__

    def changed(self: Run, *given: object) -> None:
        before(self, *given)  # type: ignore[arg-type]
        self.memo.clear()

    with replaced(Run, "__init__", changed):
        yield


@breaker
def a_loop_takes_more_at_once() -> Iterator[None]:
    before = for_each.whole_number

    def changed(*given: object) -> int:
        return before(*given) * 2  # type: ignore[arg-type]

    with replaced(for_each, "whole_number", changed):
        yield


async def found_by(name: str) -> list[str]:
    """A recording whose replay fails under the change; the small ones are asked first."""
    from engine.core import plan

    found: list[str] = []
    with contextmanager(BREAKERS[name])():
        plan._cached.cache_clear()  # plans of before the change
        for recording in sorted(recordings.names(), key=recordings.size):
            try:
                await asyncio.wait_for(recordings.load(recording).replay(), 20)
            except Exception:
                found.append(recording)
                break
    plan._cached.cache_clear()
    return found


async def main() -> int:
    logging.disable(logging.CRITICAL)
    missed = 0
    for name in BREAKERS:
        found = await found_by(name)
        print(f"{name}: {' '.join(found) or 'NOT CAUGHT'}", flush=True)
        missed += not found
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
