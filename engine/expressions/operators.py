"""Arithmetic, equality and order over JSON values.

Where Python and JSON disagree, JSON wins: a boolean is no number (`true == 1` is false, `true + 1` an error), also
inside lists and objects. Numbers stay in what JSON readers can take: integers between -2^63 and 2^64-1, finite floats.
Integer and float compare by exact value. Strings are ordered by code point, lists item by item.
"""

import math
from typing import Literal, TypeAlias, assert_never

from engine.expressions.budget import MAX_DEPTH, Budget
from engine.expressions.errors import TYPE, VALUE, ExpressionError, NeedsData
from engine.expressions.values import Ref, Value, is_number, kind
from modules.sdk.json import INT_MAX, INT_MIN

Arithmetic: TypeAlias = Literal["+", "-", "*", "/", "//", "%", "**"]
Comparison: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


def checked_number(value: int | float) -> int | float:
    """A number that JSON can hold, or `expression.value`."""
    if type(value) is int:
        if INT_MIN <= value <= INT_MAX:
            return value
        raise ExpressionError(VALUE, "the result is an integer beyond 64 bits")
    if math.isfinite(value):
        return value
    raise ExpressionError(VALUE, "the result is not a finite number")


def calculate(op: Arithmetic, left: Value, right: Value, budget: Budget) -> Value:
    """One arithmetic operation; `+` also joins two strings or two lists, `*` repeats a string or a list."""
    for side in (left, right):
        if isinstance(side, Ref):
            raise NeedsData(side)
    if is_number(left) and is_number(right):
        assert isinstance(left, (int, float))
        assert isinstance(right, (int, float))
        try:
            return checked_number(_numbers(op, left, right))
        except ZeroDivisionError:
            raise ExpressionError(VALUE, "division by zero") from None
        except OverflowError:
            raise ExpressionError(VALUE, "the result is too large for a number") from None
    if op == "+":
        if type(left) is str and type(right) is str:
            budget.text(len(left) + len(right))
            return left + right
        if type(left) is list and type(right) is list:
            budget.items(len(left) + len(right))
            budget.hold((left, right))
            return left + right
    if op == "*":
        if type(left) is int:
            left, right = right, left
        if type(right) is int and (type(left) is str or type(left) is list):
            return _repeated(left, max(right, 0), budget)
    hint = ""
    if "string" in (kind(left), kind(right)) and op == "+":
        hint = "; use ~ to join text, or |to_number to calculate"
    raise ExpressionError(TYPE, f"{op} has no meaning between {kind(left)} and {kind(right)}{hint}")


def _numbers(op: Arithmetic, left: int | float, right: int | float) -> int | float:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case "//":
            return left // right
        case "%":
            return left % right
        case "**":
            return _power(left, right)
    assert_never(op)


def _power(left: int | float, right: int | float) -> int | float:
    if type(left) is int and type(right) is int and right >= 0:
        if left not in (0, 1, -1) and left.bit_length() * right > 130:
            raise ExpressionError(VALUE, "the result is an integer beyond 64 bits")
        return int(left**right)
    if left < 0 and right != math.floor(right):
        raise ExpressionError(VALUE, "a negative number has no such power")
    return float(left) ** right


def _repeated(value: str | list[Value], times: int, budget: Budget) -> Value:
    if not value:
        return value
    if isinstance(value, str):
        budget.text(len(value) * times)
        return value * times
    budget.items(len(value) * times)
    if times:
        size = budget.measure(value) * times
        if size > budget.size:
            budget.text(size)
    return value * times


def negated(value: Value, sign: Literal["-", "+"]) -> Value:
    """`-value` or `+value`."""
    if isinstance(value, Ref):
        raise NeedsData(value)
    if type(value) is int or type(value) is float:
        return checked_number(-value if sign == "-" else value)
    raise ExpressionError(TYPE, f"{sign} needs a number, not {kind(value)}")


def truth(value: Value) -> bool:
    """False for null, false, 0, and whatever is empty; true for all else."""
    if isinstance(value, Ref):
        raise NeedsData(value)
    return bool(value)


def equal(left: Value, right: Value, budget: Budget) -> bool:
    """Equality of JSON: numbers by value, a boolean never equals a number, objects in any order."""
    if type(left) is str and type(right) is str:
        if len(left) > 1024:
            budget.text(min(len(left), len(right)))
        return left == right
    work: list[tuple[Value, Value]] = [(left, right)]
    while work:
        one, other = work.pop()
        if isinstance(one, Ref):
            raise NeedsData(one)
        if isinstance(other, Ref):
            raise NeedsData(other)
        if is_number(one) and is_number(other):
            if one != other:
                return False
            continue
        if type(one) is not type(other):
            return False
        if type(one) is list and type(other) is list:
            if len(one) != len(other):
                return False
            budget.items(len(one))
            work.extend(zip(one, other, strict=True))
        elif type(one) is dict and type(other) is dict:
            if len(one) != len(other):
                return False
            budget.items(len(one))
            for key, item in one.items():
                if key not in other:
                    return False
                work.append((item, other[key]))
        elif one != other:
            return False
    return True


def order(left: Value, right: Value, budget: Budget, depth: int = 0) -> int:
    """-1, 0 or 1; `expression.type` for values that have no order."""
    for side in (left, right):
        if isinstance(side, Ref):
            raise NeedsData(side)
    if type(left) is str and type(right) is str:
        if len(left) > 1024:
            budget.text(min(len(left), len(right)))
        return (left > right) - (left < right)
    if (is_number(left) and is_number(right)) or (type(left) is bool and type(right) is bool):
        assert isinstance(left, (int, float))
        assert isinstance(right, (int, float))
        return (left > right) - (left < right)
    if type(left) is list and type(right) is list:
        if depth >= MAX_DEPTH:
            raise ExpressionError(VALUE, f"the data is nested deeper than {MAX_DEPTH} levels")
        for one, other in zip(left, right, strict=False):
            budget.step()
            if not equal(one, other, budget):
                return order(one, other, budget, depth + 1)
        return (len(left) > len(right)) - (len(left) < len(right))
    raise ExpressionError(TYPE, f"{kind(left)} and {kind(right)} have no order: convert one, or leave it out")


def contains(container: Value, wanted: Value, budget: Budget) -> bool:
    """`wanted in container`: an item of a list, a key of an object, a part of a string."""
    if isinstance(container, Ref):
        raise NeedsData(container)
    if isinstance(wanted, Ref):
        raise NeedsData(wanted)
    if type(container) is dict:
        return type(wanted) is str and wanted in container
    if type(container) is list:
        budget.items(len(container))
        return any(equal(item, wanted, budget) for item in container)
    if type(container) is str:
        if type(wanted) is not str:
            raise ExpressionError(TYPE, f"only a string can be in a string, not {kind(wanted)}")
        budget.text(len(container))
        return wanted in container
    raise ExpressionError(TYPE, f"'in' needs a list, an object or a string on its right, not {kind(container)}")


def compare(op: Comparison, left: Value, right: Value, budget: Budget) -> bool:
    """One comparison."""
    match op:
        case "==":
            return equal(left, right, budget)
        case "!=":
            return not equal(left, right, budget)
        case "<":
            return order(left, right, budget) < 0
        case "<=":
            return order(left, right, budget) <= 0
        case ">":
            return order(left, right, budget) > 0
        case ">=":
            return order(left, right, budget) >= 0
        case "in":
            return contains(right, left, budget)
        case "not in":
            return not contains(right, left, budget)
    assert_never(op)
