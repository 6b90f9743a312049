"""The mark of functions that the isolated pool may run.

Work whose cost a document's author decides (a transformation, a pattern, a file to parse) is a plain function from JSON to JSON with this
mark. It runs in a process of its own without secrets, under a limit of time and memory; `Context.isolated` calls it by name.
Its file is imported in that process only when it is first called, so heavy libraries are imported inside of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from modules.sdk.json import Json, JsonObject

IsolatedFunction: TypeAlias = Callable[[JsonObject], Json]

_MARK = "__millstream_isolated__"


def isolated(function: IsolatedFunction) -> IsolatedFunction:
    """Allows the pool to run this function."""
    setattr(function, _MARK, True)
    return function


def is_isolated(function: object) -> bool:
    """Whether the pool may run it."""
    return callable(function) and getattr(function, _MARK, False) is True
