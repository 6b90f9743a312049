"""Rounds over rows that say when they are due: work as long as there is any, and then wait for the next time, or for word of a change.

Nothing here has to be right for anything to happen: what is due is looked for every few seconds in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from db.errors import DatabaseUnavailable
from engine.hub import Hub, Kind, Notice
from engine.triggers.timetable import Clock, utc_now

Round: TypeAlias = Callable[[], Awaitable[bool]]
"""Works on what is due, and gives whether there may be more. Raises `DatabaseUnavailable`."""
NextDue: TypeAlias = Callable[[], Awaitable[datetime | None]]
"""When anything is due next; None when nothing is. Raises `DatabaseUnavailable`."""

LOOK_S = 5.0
_HELD_S = 0.05


def again_after(every_s: float, failures: int, longest_s: float) -> float:
    """Seconds until what failed is tried again: twice as long each time, and never sooner than it is due anyway. `failures`: before this one."""
    return min(max(every_s, longest_s), every_s * 2.0 ** min(failures, 20))


class Rounds:
    """`lanes` work side by side, each on its own rounds. `what` is for the log: "the schedules"."""

    def __init__(
        self,
        hub: Hub,
        round_: Round,
        next_due: NextDue,
        log: logging.Logger,
        what: str,
        lanes: int = 1,
        clock: Clock = utc_now,
    ) -> None:
        self._round = round_
        self._next_due = next_due
        self._log = log
        self._what = what
        self._clock = clock
        self._changed = [asyncio.Event() for _ in range(lanes)]
        hub.watch(self._heard)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for changed in self._changed:
                group.create_task(self._lane(changed))

    async def _lane(self, changed: asyncio.Event) -> None:
        while True:
            changed.clear()
            wait = LOOK_S
            try:
                if await self._round():
                    continue
                wait = await self._until_next()
            except DatabaseUnavailable as error:
                self._log.info("%s can't be looked at: %s", self._what, error)
            except Exception:
                self._log.exception("%s could not be looked at; it is tried again", self._what)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await changed.wait()

    async def _until_next(self) -> float:
        due = await self._next_due()
        if due is None:
            return LOOK_S
        seconds = (due - self._clock()).total_seconds()
        # What is due and wasn't taken is in another's hands at this moment.
        return min(LOOK_S, seconds) if seconds > 0 else _HELD_S

    def _heard(self, notice: Notice | None) -> None:
        if notice is None or notice.kind is Kind.SCHEDULE:
            for changed in self._changed:
                changed.set()
