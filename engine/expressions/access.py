"""Reaching into values: by name, by key, by index, by slice and by a path such as `address.city`.

Only keys of objects, items of lists and characters of strings can be reached. No attribute of a Python object is ever
looked up, so no name (`__class__`, `items`, `format`) means anything but a key.
"""

from collections.abc import Mapping

from engine.expressions.budget import Budget
from engine.expressions.errors import TYPE, VALUE, ExpressionError, NeedsData
from engine.expressions.undefined import Maybe, Undefined
from engine.expressions.values import Ref, Value, kind

_SHOWN = 80


def shown(name: str) -> str:
    """A name quoted for a message, cut when it is long."""
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…")


def find_name(scope: Mapping[str, Value], name: str) -> Maybe:
    """The value of a name in scope."""
    if name in scope:
        return scope[name]
    return Undefined(f"{shown(name)} is not known here", name, "", scope.keys())


def find(value: Maybe, key: Value, where: str = "") -> Maybe:
    """`value[key]`, or Undefined; `where` is how the author wrote `value`, for the message.

    Objects take strings (and an integer as its decimal text), lists and strings take integers, negative ones from the
    end. A missing link, null and any other type give Undefined. A key that can't be one at all is `expression.type`.
    """
    if isinstance(value, Undefined):
        return value
    if isinstance(value, Ref):
        raise NeedsData(value)
    if isinstance(key, Ref):
        raise NeedsData(key)
    if type(key) is not str and type(key) is not int:
        raise ExpressionError(TYPE, f"a key must be a string or an integer, not {_a(kind(key))}")
    subject = where or "the value"
    if type(value) is dict:
        text = key if type(key) is str else str(key)
        if text in value:
            return value[text]
        return Undefined(f"{subject} has no key {shown(text)}", text, where, value.keys())
    if type(key) is int and (type(value) is list or type(value) is str):
        if -len(value) <= key < len(value):
            return value[key]
        count = len(value)
        noun = ("item" if type(value) is list else "character") + ("" if count == 1 else "s")
        return Undefined(f"{subject} has {count} {noun}, so there is none at index {key}", str(key), where)
    described = "null" if value is None else _a(kind(value))
    return Undefined(f"{subject} is {described}, so it has no key {shown(str(key))}", str(key), where)


def find_path(value: Maybe, path: tuple[str | int, ...]) -> Maybe:
    """Follows a path, link by link."""
    for key in path:
        value = find(value, key)
    return value


def path_of(attribute: Value) -> tuple[str | int, ...]:
    """The path that an `attribute` argument means: `a.b.0`, or one integer."""
    if type(attribute) is str:
        if len(attribute) > 1000:
            raise ExpressionError(VALUE, "an attribute path has at most 1,000 characters")
        parts = attribute.split(".")
        return tuple(int(part) if part.isascii() and part.isdigit() and len(part) < 10 else part for part in parts)
    if type(attribute) is int:
        return (attribute,)
    raise ExpressionError(TYPE, f"an attribute must be a name such as 'address.city', not {_a(kind(attribute))}")


def cut(value: Value, start: Value, stop: Value, step: Value, budget: Budget) -> Value:
    """`value[start:stop:step]` of a list or a string."""
    bounds: list[int | None] = []
    for bound in (start, stop, step):
        if isinstance(bound, Ref):
            raise NeedsData(bound)
        if bound is not None and type(bound) is not int:
            raise ExpressionError(TYPE, f"a bound of a slice must be an integer, not {_a(kind(bound))}")
        bounds.append(bound)
    if bounds[2] == 0:
        raise ExpressionError(VALUE, "the step of a slice can't be 0")
    if isinstance(value, Ref):
        raise NeedsData(value)
    cutter = slice(*bounds)
    if type(value) is str:
        budget.text(len(range(*cutter.indices(len(value)))))
        return value[cutter]
    if type(value) is list:
        budget.items(len(range(*cutter.indices(len(value)))))
        return value[cutter]
    raise ExpressionError(TYPE, f"only lists and strings can be sliced, not {_a(kind(value))}")


def _a(noun: str) -> str:
    if noun == "null":
        return noun
    return f"an {noun}" if noun == "object" else f"a {noun}"
