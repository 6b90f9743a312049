"""A value as text, by the one rule of mixed text: strings as they are, null empty, all else compact JSON."""

import json

from engine.expressions.budget import Budget
from engine.expressions.errors import NeedsData
from engine.expressions.values import Ref, Value


def text_of(value: Value, budget: Budget) -> str:
    """The text of a value where text is wanted."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    return encoded(value, budget)


def encoded(value: Value, budget: Budget, indent: int | None = None) -> str:
    """JSON in the order of the keys; compact unless `indent` (spaces a level) is given."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is int or type(value) is float:
        return repr(value)
    # Measuring first bounds the depth, so that the encoder can't run out of stack, and the size.
    size = budget.measure(value)
    if indent is None:
        budget.text(size)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_needed)
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False, default=_needed)
    budget.text(len(text))
    return text


def _needed(value: object) -> str:
    if isinstance(value, Ref):
        raise NeedsData(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")
