"""What a missing name or key is until somebody uses it.

Access never fails: it gives an `Undefined`, which further access passes on, so that the first missing link of a chain
is the one that is reported. `default`, `is defined` and `is undefined` are the only ones that take it; all else calls
`used`. The message is made only then: a filter over a list may see thousands of missing keys.
"""

from collections.abc import Iterable
from typing import TypeAlias

from engine.expressions.errors import UNDEFINED, ExpressionError
from engine.expressions.nearest import nearest
from engine.expressions.values import Json, Value


class Undefined:
    """A missing name (`where` is empty), key or item; `known` are the names that exist there."""

    __slots__ = ("known", "name", "reason", "where")

    def __init__(self, reason: str, name: str = "", where: str = "", known: Iterable[str] = ()) -> None:
        self.reason = reason
        self.name = name
        self.where = where
        self.known = known

    def error(self) -> ExpressionError:
        """The error of using it."""
        details: dict[str, Json] = {"name": self.name}
        if self.where:
            details["path"] = self.where
        message = self.reason
        like = nearest(self.name, self.known)
        if like is not None:
            details["nearest"] = like
            message += f"; did you mean {like!r}?"
        return ExpressionError(UNDEFINED, message, details)


Maybe: TypeAlias = "Value | Undefined"


def used(value: Maybe) -> Value:
    """The value itself; raises `expression.undefined` for a missing one."""
    if isinstance(value, Undefined):
        raise value.error()
    return value
