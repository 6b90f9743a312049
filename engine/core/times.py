"""Times between the carrier's seconds and the texts that documents see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(seconds: float) -> str:
    """RFC 3339 in UTC, to the microsecond where it isn't whole: `2026-01-31T08:00:00Z`."""
    moment = _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
    return moment.isoformat().removesuffix("+00:00") + "Z"


def parse_time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; raises ValueError. A time without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) / timedelta(seconds=1)
