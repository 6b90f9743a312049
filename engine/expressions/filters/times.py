"""Filters of times. A time is RFC 3339 text in UTC; there is no clock: each comes from the data."""

from datetime import UTC, datetime, timedelta
from typing import Final

from engine.expressions.budget import Budget
from engine.expressions.durations import parse_duration
from engine.expressions.errors import TYPE, VALUE, ExpressionError
from engine.expressions.filters.spec import Args, Filter, define, plain
from engine.expressions.nearest import nearest
from engine.expressions.time_formats import format_rfc3339, format_time, in_zone, parse_format, parse_rfc3339
from engine.expressions.time_zones import time_zone
from engine.expressions.values import Value, kind

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final[dict[str, int]] = {
    "milliseconds": 1_000,
    "seconds": 1_000_000,
    "minutes": 60_000_000,
    "hours": 3_600_000_000,
    "days": 86_400_000_000,
    "weeks": 604_800_000_000,
}
"""Microseconds of each."""

_SHORT: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _time(value: Value, owner: str) -> datetime:
    """The time of RFC 3339 text, or of a number of seconds since 1970."""
    value = plain(value)
    if type(value) is str:
        return parse_rfc3339(value, UTC)
    if type(value) is int or type(value) is float:
        try:
            return _EPOCH + timedelta(seconds=value)
        except OverflowError:
            raise ExpressionError(VALUE, "a time must be between the years 1 and 9999") from None
    raise ExpressionError(TYPE, f"{owner!r} needs a time, not {kind(value)}")


def _to_datetime(value: Value, args: Args, budget: Budget) -> Value:
    budget.step(20)
    zone = time_zone(args.text(1))
    value = plain(value)
    if type(value) is not str:
        return format_rfc3339(_time(value, "to_datetime"))
    if args.value(0) is None:
        return format_rfc3339(parse_rfc3339(value, zone))
    return format_rfc3339(parse_format(value, args.text(0), zone))


def _format_datetime(value: Value, args: Args, budget: Budget) -> Value:
    budget.step(20)
    time = _time(value, "format_datetime")
    zone = time_zone(args.text(1))
    try:
        local = in_zone(time, zone)
    except (ValueError, OverflowError):
        raise ExpressionError(VALUE, "a time must be between the years 1 and 9999") from None
    return format_rfc3339(local) if args.value(0) is None else format_time(local, args.text(0))


def _add_duration(value: Value, args: Args, budget: Budget) -> Value:
    budget.step(10)
    length = args.value(0)
    if type(length) is not str and type(length) is not int and type(length) is not float:
        raise ExpressionError(
            TYPE, f"'duration' of 'add_duration' must be text such as '-2h', not {kind(plain(length))}"
        )
    try:
        seconds = parse_duration(length, signed=True)
    except ValueError as error:
        raise ExpressionError(VALUE, str(error)) from None
    try:
        return format_rfc3339(_time(value, "add_duration") + timedelta(seconds=seconds))
    except OverflowError:
        raise ExpressionError(VALUE, "a time must be between the years 1 and 9999") from None


def _date_diff(value: Value, args: Args, budget: Budget) -> Value:
    budget.step(10)
    unit = args.text(1)
    name = _SHORT.get(unit, unit if unit in _UNITS else unit + "s")
    if name not in _UNITS:
        like = nearest(unit, _UNITS)
        hint = f"; did you mean {like!r}?" if like else f"; it is one of {', '.join(_UNITS)}"
        raise ExpressionError(VALUE, f"'unit' of 'date_diff' can't be {unit[:40]!r}{hint}")
    between = _time(value, "date_diff") - _time(args.value(0), "date_diff")
    whole, rest = divmod(between // timedelta(microseconds=1), _UNITS[name])
    return whole if rest == 0 else (between // timedelta(microseconds=1)) / _UNITS[name]


FILTERS: Final[tuple[Filter, ...]] = (
    define("add_duration", _add_duration, "duration"),
    define("date_diff", _date_diff, "other", unit="seconds"),
    define("format_datetime", _format_datetime, format=None, tz="UTC"),
    define("to_datetime", _to_datetime, format=None, tz="UTC"),
)
