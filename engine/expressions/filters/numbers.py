"""Filters of numbers, each as Jinja has it."""

import math
from typing import Final

from engine.expressions.budget import Budget
from engine.expressions.errors import VALUE, ExpressionError
from engine.expressions.filters.spec import Args, Filter, as_number, define
from engine.expressions.operators import checked_number
from engine.expressions.values import Value

_MOST_DIGITS = 300


def _abs(value: Value, _: Args, __: Budget) -> Value:
    return checked_number(abs(as_number(value, "abs")))


def _round(value: Value, args: Args, _: Budget) -> Value:
    number = as_number(value, "round")
    digits, method = args.integer(0), args.text(1)
    if not -_MOST_DIGITS <= digits <= _MOST_DIGITS:
        raise ExpressionError(VALUE, f"'precision' of 'round' must be between -{_MOST_DIGITS} and {_MOST_DIGITS}")
    if method not in ("common", "ceil", "floor"):
        raise ExpressionError(VALUE, "'method' of 'round' must be 'common', 'ceil' or 'floor'")
    try:
        if method == "common":
            return checked_number(round(number, digits))
        whole = math.ceil if method == "ceil" else math.floor
        return checked_number(whole(number * (10**digits)) / (10**digits))
    except OverflowError:
        raise ExpressionError(VALUE, "the result is too large for a number") from None


FILTERS: Final[tuple[Filter, ...]] = (
    define("abs", _abs),
    define("round", _round, precision=0, method="common"),
)
