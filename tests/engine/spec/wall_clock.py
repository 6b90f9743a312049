"""When a cron expression is due, told the slow way: by looking at every minute.

Debian's rules for the changes of the clocks: what names its hour and its minute comes once a day, at the end of the gap where its time falls
into one, and the first time where it comes twice; what has a `*` in either follows the clock on the wall.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
_NONE = timedelta(0)


def due(cron: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """After `start`, up to and with `end`, in UTC. Fields are `*`, `*/n`, or lists of numbers and ranges; of the days one is `*`."""
    minutes, hours, *_ = cron.split()
    fixed = "*" not in minutes[0] + hours[0]
    place = ZoneInfo(zone)
    found: list[datetime] = []
    now = start.replace(second=0, microsecond=0)
    while (now := now + MINUTE) <= end:
        wall = now.astimezone(place)
        before = (now - MINUTE).astimezone(place)
        skipped = (wall.utcoffset() or _NONE) - (before.utcoffset() or _NONE)
        if fixed and wall.fold:
            continue
        if _matches(cron, wall.replace(tzinfo=None)) or (
            fixed
            and any(
                _matches(cron, wall.replace(tzinfo=None) - MINUTE * back)
                for back in range(1, int(skipped / MINUTE) + 1)
            )
        ):
            found.append(now)
    return [time.astimezone(UTC) for time in found if time > start]


def _matches(cron: str, wall: datetime) -> bool:
    values = (wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday() % 7)
    return all(
        _allows(field, value, first) for field, value, first in zip(cron.split(), values, (0, 0, 1, 1, 0), strict=True)
    )


def _allows(field: str, value: int, first: int) -> bool:
    if field == "*":
        return True
    if field.startswith("*/"):
        return (value - first) % int(field[2:]) == 0
    for part in field.split(","):
        low, _, high = part.partition("-")
        if int(low) <= value <= int(high or low):
            return True
    return False
