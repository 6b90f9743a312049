"""Pages of a list, and the places between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.expressions.values import Json
from engine.problems import Problem


@dataclass(frozen=True, slots=True)
class Page:
    """`cursor` is where the next page begins, as JSON values that the API makes opaque; None on the last page."""

    items: list[Json]
    cursor: list[Json] | None


def cursor_id(cursor: Sequence[Json] | None) -> UUID | None:
    """The id that a cursor of one id holds."""
    if cursor is None:
        return None
    try:
        (text,) = cursor
        return UUID(str(text))
    except ValueError:
        raise bad_cursor() from None


def bad_cursor() -> Problem:
    return Problem(422, "cursor.invalid", "The cursor is none that this list gave.")
