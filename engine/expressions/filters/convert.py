"""Filters from one type to another.

`int` and `float` are Jinja's: what isn't a number gives their default. `to_number`, `to_int` and `to_bool` are strict:
it is an error of the step.
"""

import json
import math
import re
from typing import Final, NoReturn, cast

from engine.expressions.budget import MAX_DEPTH, Budget
from engine.expressions.errors import TYPE, VALUE, ExpressionError
from engine.expressions.filters.spec import Args, Filter, define, plain
from engine.expressions.operators import checked_number
from engine.expressions.text_of import encoded
from engine.expressions.values import Value, kind
from modules.sdk.json import INT_MAX, INT_MIN

_LONGEST_NUMBER = 400
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0", "")
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _int(value: Value, args: Args, _: Budget) -> Value:
    value = plain(value)
    default, base = args.value(0), args.integer(1)
    if base != 0 and not 2 <= base <= 36:
        raise ExpressionError(VALUE, "'base' of 'int' must be 0 or between 2 and 36")
    if type(value) is str:
        if len(value) > _LONGEST_NUMBER:
            return default
        try:
            return checked_number(int(value, base))
        except ValueError:
            number = _parsed_float(value)
            return default if number is None else checked_number(int(number))
    if type(value) is int or type(value) is float or type(value) is bool:
        return checked_number(int(value))
    return default


def _parsed_float(text: str) -> float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _float(value: Value, args: Args, _: Budget) -> Value:
    value = plain(value)
    if type(value) is str:
        number = _parsed_float(value)
        return args.value(0) if number is None else number
    if type(value) is int or type(value) is float or type(value) is bool:
        return float(value)
    return args.value(0)


def _to_number(value: Value, _: Args, __: Budget) -> Value:
    return number_of(value, "to_number")


def number_of(value: Value, owner: str) -> int | float:
    """The number that a number, a boolean or the text of a number is."""
    value = plain(value)
    if type(value) is bool:
        return int(value)
    if type(value) is int or type(value) is float:
        return value
    if type(value) is not str:
        raise ExpressionError(TYPE, f"{owner!r} needs a string or a number, not {kind(value)}")
    text = value.strip()
    if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
        raise ExpressionError(VALUE, f"{owner!r}: the string (of {len(value)} characters) is not a number")
    try:
        return checked_number(int(text))
    except ValueError:
        return checked_number(float(text))


def _to_int(value: Value, _: Args, __: Budget) -> Value:
    return checked_number(int(number_of(value, "to_int")))


def _to_bool(value: Value, _: Args, __: Budget) -> Value:
    value = plain(value)
    if type(value) is bool:
        return value
    if value is None:
        return False
    if type(value) is int or type(value) is float:
        return value != 0
    if type(value) is str:
        word = value.strip().lower() if len(value) <= _LONGEST_NUMBER else value
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ExpressionError(VALUE, "'to_bool' reads true, yes, on, 1 and false, no, off, 0, and no other text")
    raise ExpressionError(TYPE, f"'to_bool' needs a string, a number or a boolean, not {kind(value)}")


def _to_json(value: Value, args: Args, budget: Budget) -> Value:
    indent = args.value(0)
    if indent is None:
        return encoded(plain(value), budget) if value is not None else "null"
    spaces = args.count(0)
    if spaces > 16:
        raise ExpressionError(VALUE, "'indent' of 'to_json' must be between 0 and 16")
    return encoded(plain(value), budget, spaces) if value is not None else "null"


def _from_json(value: Value, _: Args, budget: Budget) -> Value:
    value = plain(value)
    if type(value) is not str:
        raise ExpressionError(TYPE, f"'from_json' needs a string, not {kind(value)}")
    budget.text(len(value))
    budget.step((len(value) >> 6) + 1)
    _check_depth(value)
    try:
        return cast(
            "Value",
            json.loads(value, parse_int=_json_int, parse_float=_json_float, parse_constant=_json_constant),
        )
    except json.JSONDecodeError as error:
        raise ExpressionError(
            VALUE, f"'from_json': the string is not JSON, line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKETS.finditer(text):
        mark = match[0]
        if mark in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise ExpressionError(VALUE, f"'from_json': the JSON is nested deeper than {MAX_DEPTH} levels")
        elif mark in ("]", "}"):
            depth -= 1


def _json_int(text: str) -> int:
    if len(text) <= 21:
        number = int(text)
        if INT_MIN <= number <= INT_MAX:
            return number
    raise ExpressionError(VALUE, "'from_json': the JSON holds an integer beyond 64 bits")


def _json_float(text: str) -> float:
    number = float(text)
    if math.isfinite(number):
        return number
    raise ExpressionError(VALUE, "'from_json': the JSON holds a number that is too large")


def _json_constant(_: str) -> NoReturn:
    raise ExpressionError(VALUE, "'from_json': NaN and infinities are not JSON")


FILTERS: Final[tuple[Filter, ...]] = (
    define("float", _float, default=0.0),
    define("from_json", _from_json),
    define("int", _int, default=0, base=10),
    define("to_bool", _to_bool),
    define("to_int", _to_int),
    define("to_json", _to_json, indent=None),
    define("to_number", _to_number),
)
