"""When a schedule is due: `cron` in a time zone, or `every` so often.

Cron is Debian's: five fields (minute, hour, day of month, month, day of week), names of days and months, `L` for a month's last day; where both
days are given either counts. When clocks go forward, what is due at an hour that doesn't come is due right after it; when they go back, what
is due at a fixed hour comes once, and what is due each hour or minute goes on. `every` counts from the epoch in UTC, so that two schedules of
one length agree, and none is moved by a deployment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from engine.expressions.durations import parse_duration
from engine.expressions.values import Json

SHORTEST = 1.0
"""Seconds between two times of `every`."""
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadTiming(ValueError):
    """What was given is no timing. `field` is the input at fault, None for both together."""

    def __init__(self, field: str | None, message: str, hint: str) -> None:
        super().__init__(message)
        self.field = field
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Timing:
    """Exactly one of `cron` and `every_s` is given; `timezone` is for `cron`."""

    cron: str | None
    every_s: float | None
    timezone: str = "UTC"

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times after `moment`, in order, in UTC. None, if no such time ever comes."""
        if self.every_s is not None:
            return _steps(self.every_s, moment)
        assert self.cron is not None
        return _of_cron(self.cron, self.timezone, moment)

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Those from `start` on, up to and with `end`."""
        return takewhile(lambda time: time <= end, self.after(start - timedelta(microseconds=1)))


def timing_of(inputs: Mapping[str, Json]) -> Timing:
    """Of a trigger's inputs. Raises `BadTiming`."""
    cron, every, timezone = inputs.get("cron"), inputs.get("every"), inputs.get("timezone", "UTC")
    if (cron is None) == (every is None):
        raise BadTiming(
            None, "a schedule needs `cron` or `every`, and not both", "write `cron: 30 6 * * 1-5`, or `every: 15m`"
        )
    if not isinstance(timezone, str) or timezone not in _zones():
        raise BadTiming("timezone", f"{str(timezone)[:60]!r} is no time zone", "write its name, as `Europe/Berlin`")
    if cron is not None:
        _check(cron)
        return Timing(str(cron), None, timezone)
    try:
        seconds = parse_duration(every) if isinstance(every, str | int | float) else -1.0
    except ValueError as error:
        raise BadTiming("every", str(error), "write `15m`, `1h`, or a number of seconds") from None
    if seconds < SHORTEST:
        raise BadTiming("every", "a schedule is due once a second at most", "write `1s` or more")
    return Timing(None, seconds, timezone)


def _check(cron: Json) -> None:
    help_ = "five fields: minute, hour, day of month, month, day of week; as `30 6 * * 1-5`"
    if not isinstance(cron, str) or len(cron) > 200 or len(cron.split()) != 5:
        raise BadTiming("cron", f"{str(cron)[:60]!r} hasn't five fields", help_)
    try:
        first = next(_of_cron(cron, "UTC", datetime(2020, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise BadTiming("cron", f"{cron[:60]!r} is no cron expression: {error}", help_) from None
    if first is None:
        raise BadTiming("cron", f"{cron[:60]!r} never comes", help_)


def _of_cron(cron: str, timezone: str, moment: datetime) -> Iterator[datetime]:
    """The library says what the wall shows when it is due; when that is, is ours: it loses times where clocks move by half an hour."""
    zone = ZoneInfo(timezone)
    wall = moment.astimezone(zone)
    nearby = {moment.astimezone(zone).utcoffset() for moment in (wall, wall - _DAY, wall + _DAY)}
    # Where clocks move, what comes after may stand before on the wall.
    start = wall.replace(tzinfo=None) - (_DAY + _MINUTE if len(nearby) > 1 else timedelta(0))
    fixed = not any(field.startswith("*") for field in cron.split()[:2])
    held: list[datetime] = []  # what a later time on the wall may still come before
    last = moment
    for shown in CronSim(cron, start):
        for time in _moments(shown, zone, fixed=fixed):
            heappush(held, time)
        until = shown.replace(tzinfo=zone).astimezone(UTC)
        while held and held[0] <= until:
            time = heappop(held)
            if time > last:
                last = time
                yield time
    yield from sorted({time for time in held if time > last})


def _moments(shown: datetime, zone: ZoneInfo, *, fixed: bool) -> list[datetime]:
    """When a clock on the wall shows that: never, once or twice. For what is due at a fixed hour: once, at the end of the gap if never."""
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return [first]
    if first < second:
        return [first] if fixed else [first, second]
    if not fixed:
        return []
    # Read by the clock before the gap it lies after the gap, and the other way round: the gap is between.
    while first - second > _MINUTE:
        middle = second + (first - second) // 2
        if middle.astimezone(zone).utcoffset() == first.astimezone(zone).utcoffset():
            first = middle
        else:
            second = middle
    return [first.replace(second=0, microsecond=0)]


def _steps(every_s: float, moment: datetime) -> Iterator[datetime]:
    number = math.floor((moment - _EPOCH).total_seconds() / every_s)
    while True:
        number += 1
        time = _EPOCH + timedelta(seconds=number * every_s)
        if time > moment:
            yield time


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
