"""Whether a value is small enough, and whether it is all here."""

from __future__ import annotations

from engine.expressions.values import Ref, Value


def larger_than(value: Value, limit: int) -> bool:
    """Whether `value` has more than about `limit` characters as JSON; a reference counts as little. Ends once that is known."""
    if type(value) is not dict and type(value) is not list and type(value) is not str:
        return False
    left = limit
    stack: list[Value] = [value]
    while stack:
        one = stack.pop()
        kind = type(one)
        if kind is str:
            left -= len(one) + 2  # pyright: ignore[reportArgumentType]  its exact type was looked at
        elif isinstance(one, dict):
            for key in one:
                left -= len(key) + 4
            stack.extend(one.values())
        elif isinstance(one, list):
            left -= len(one) + 2
            stack.extend(one)
        else:
            left -= 4
        if left < 0:
            return True
    return False


def holds_reference(value: Value) -> bool:
    """Whether any part of it is kept elsewhere."""
    return first_reference(value) is not None


def first_reference(value: Value) -> Ref | None:
    """A part of it that is kept elsewhere."""
    stack: list[Value] = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, Ref):
            return one
        if isinstance(one, dict):
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
    return None
