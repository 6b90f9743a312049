"""When two JSON values are the same key. Numbers by value (1 and 1.0 are one key), a boolean is no number, null is no key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from modules.sdk.json import Json

Key: TypeAlias = "tuple[object, ...]"


def key_of(values: Iterable[Json]) -> Key | None:
    """The key of several values together; None when one of them is null."""
    parts: list[object] = []
    for value in values:
        if value is None:
            return None
        parts.append(comparable(value))
    return tuple(parts)


def comparable(value: Json) -> object:
    """A hashable stand-in: two are equal exactly when the values are the same JSON."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("list", *(comparable(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, comparable(item)) for name, item in value.items()))
    return value
