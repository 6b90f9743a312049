"""JSON to what PostgreSQL's driver takes as a parameter, and back from what it gives.

A parameter is read by the type that the server wants in its place, which the server says when the statement is prepared; nothing
is ever put into the
statement's text. What comes back keeps its value before its type:

    bool, int2 int4 int8, text, uuid …   as they are (int8 is a whole number of 64 bits, which JSON here has)
    float4 float8                        a number; NaN and the infinities are text
    numeric                              a number where a double says exactly the same decimal, else text: money of 15 digits is a number, and
                                         no digit is ever lost without a word
    timestamptz                          RFC 3339 in UTC; timestamp, date, time: the same forms without a zone; infinity is text
    interval                             ISO 8601 (P1Y2M3DT4H5M6S), so that months stay months
    json jsonb                           the value (its text, where it holds numbers that JSON here doesn't)
    bytea                                base64
    arrays, ranges, rows                 lists, {lower, upper, lower_inc, upper_inc, empty}, objects
    point, box, path, circle …           lists of coordinates
    anything else                        PostgreSQL's text
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Protocol, cast

import asyncpg

from modules.sdk.json import INT_MAX, INT_MIN, Json
from modules.sdk.json_bytes import dumps
from modules.sdk.strict_json import parse_json


class _Range(Protocol):
    @property
    def lower(self) -> object: ...
    @property
    def upper(self) -> object: ...
    @property
    def lower_inc(self) -> bool: ...
    @property
    def upper_inc(self) -> bool: ...
    @property
    def isempty(self) -> bool: ...


_FIRST, _LAST = datetime.min, datetime.max  # noqa: DTZ901  # how the driver says PostgreSQL's infinities


def to_parameter(value: Json, type_name: str) -> object:
    """`type_name` as PostgreSQL calls it, `[]` at the end for arrays. Raises ValueError, with the end of a sentence about the value."""
    if value is None:
        return None
    if type_name.endswith("[]"):
        if not isinstance(value, list):
            raise ValueError("must be a list")
        return [to_parameter(each, type_name if isinstance(each, list) else type_name[:-2]) for each in value]
    reader = _READERS.get(type_name)
    if reader is None:
        return value if isinstance(value, str | int | float | bool) else dumps(value).decode()
    try:
        return reader(value)
    except (ValueError, TypeError, InvalidOperation, OverflowError, binascii.Error):
        raise ValueError(f"is not a value of the type {type_name}") from None


def to_json(value: object, type_name: str = "") -> Json:
    """Raises ValueError for a value that has no form in JSON."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _parsed(value) if type_name in ("json", "jsonb") else value
    if isinstance(value, int):
        return value if INT_MIN <= value <= INT_MAX else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _spelled(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date | time):
        return _day(value) if isinstance(value, date) else value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, asyncpg.Record):
        fields = cast("Mapping[str, object]", value)
        return {name: to_json(fields[name]) for name in fields.keys()}  # noqa: SIM118  # a record isn't a mapping to iterate
    if isinstance(value, asyncpg.Range):
        return _range(cast("_Range", value))
    if isinstance(value, asyncpg.BitString):
        return str(value.as_string()).replace(" ", "")
    if isinstance(value, asyncpg.Path):
        return [to_json(each) for each in cast("Sequence[object]", value.points)]
    if isinstance(value, list | tuple):
        inner = type_name.removesuffix("[]")
        return [to_json(each, inner) for each in cast("Sequence[object]", value)]
    return str(value)


def _number(value: Decimal) -> Json:
    if not value.is_finite():
        return "NaN" if value.is_nan() else _spelled(float(value))
    if value == value.to_integral_value() and INT_MIN <= value <= INT_MAX:
        return int(value)
    near = float(value)
    return near if math.isfinite(near) and Decimal(repr(near)) == value else format(value, "f")


def _spelled(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _moment(value: datetime) -> str:
    bare = value.replace(tzinfo=None)
    if bare in (_LAST, _FIRST):
        return "infinity" if bare == _LAST else "-infinity"
    if value.tzinfo is None:
        return value.isoformat()
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _day(value: date) -> str:
    return "infinity" if value == date.max else "-infinity" if value == date.min else value.isoformat()


def _parsed(text: str) -> Json:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _range(value: _Range) -> Json:
    return {
        "lower": to_json(value.lower),
        "upper": to_json(value.upper),
        "lower_inc": value.lower_inc,
        "upper_inc": value.upper_inc,
        "empty": value.isempty,
    }


def _integer(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise TypeError
    return int(value)


def _decimal(value: Json) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return Decimal(str(value).strip())


def _float(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _boolean(value: Json) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def _timestamptz(value: Json) -> datetime:
    found = _said(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _timestamp(value: Json) -> datetime:
    found = _said(value)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _said(value: Json) -> datetime:
    if isinstance(value, str) and value in ("infinity", "-infinity"):
        return _LAST if value == "infinity" else _FIRST
    if not isinstance(value, str):
        raise TypeError
    return datetime.fromisoformat(value)


def _date(value: Json) -> date:
    if isinstance(value, str) and value in ("infinity", "-infinity"):
        return date.max if value == "infinity" else date.min
    if not isinstance(value, str):
        raise TypeError
    return date.fromisoformat(value)


def _time(value: Json) -> time:
    if not isinstance(value, str):
        raise TypeError
    return time.fromisoformat(value)


def _interval(value: Json) -> str:
    """Text is PostgreSQL's to read; a number is seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return value if isinstance(value, str) else f"{timedelta(seconds=value).total_seconds():f} seconds"


def _bytes(value: Json) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return base64.b64decode(value, validate=True)


def _json(value: Json) -> str:
    return dumps(value).decode()


_READERS: Mapping[str, Callable[[Json], object]] = {
    "int2": _integer,
    "int4": _integer,
    "int8": _integer,
    "oid": _integer,
    "numeric": _decimal,
    "float4": _float,
    "float8": _float,
    "bool": _boolean,
    "text": _text,
    "varchar": _text,
    "bpchar": _text,
    "name": _text,
    "uuid": _text,
    "timestamptz": _timestamptz,
    "timestamp": _timestamp,
    "date": _date,
    "time": _time,
    "timetz": _time,
    "interval": _interval,
    "bytea": _bytes,
    "json": _json,
    "jsonb": _json,
}
