"""JSON types and values in the words of people, and what JSON Schema means by equal and by type."""

from __future__ import annotations

import re
from functools import lru_cache

from engine.expressions.values import Json
from engine.spec.canonical import canonical_bytes

TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_SHOWN = 60


def same(left: Json, right: Json) -> bool:
    """Equality of JSON values: 1 is 1.0, and neither is true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(item, right[key]) for key, item in left.items())
    return left == right


def type_names(types: Json) -> list[str]:
    if isinstance(types, str):
        return [types]
    return [name for name in types if isinstance(name, str)] if isinstance(types, list) else []


def is_type(value: Json, name: str) -> bool:
    match name:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "integer":
            return not isinstance(value, bool) and (
                isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            )
        case _:
            return True


def type_of(value: Json) -> str:
    for name in ("null", "boolean", "string", "number", "array", "object"):
        if is_type(value, name):
            return TYPES[name] if name != "boolean" else ("true" if value else "false")
    return "something else"


def expected(names: list[str], value: Json) -> str:
    wanted = listed([TYPES.get(name, name) for name in names]) if names else "another value"
    return f"{wanted} is needed, and this is {type_of(value)}"


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def several(branches: list[Json]) -> str:
    required = [branch.get("required") if isinstance(branch, dict) else None for branch in branches]
    keys = [repr(keys[0]) for keys in required if isinstance(keys, list) and len(keys) == 1]
    return f"give only one of {listed(keys)}" if len(keys) == len(branches) else "this fits more than one of its forms"


def shown(value: Json) -> str:
    text = repr(value) if isinstance(value, str) else canonical_bytes(value).decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def did_you_mean(near: str | None) -> str | None:
    return None if near is None else f"did you mean {near!r}?"


def purpose(schema: Json) -> str | None:
    text = schema.get("description") if isinstance(schema, dict) else None
    return text if isinstance(text, str) else None


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def below(value: float, bound: float) -> bool:
    return value < bound


def above(value: float, bound: float) -> bool:
    return value > bound


def not_above(value: float, bound: float) -> bool:
    return value <= bound


def not_below(value: float, bound: float) -> bool:
    return value >= bound


@lru_cache(maxsize=512)
def pattern_of(pattern: str) -> re.Pattern[str]:
    ends = pattern.endswith("$") and not pattern.endswith("\\$")
    try:
        return re.compile(pattern[:-1] + r"\Z" if ends else pattern)
    except re.error:
        return re.compile("")
