"""Pages of a list, and the places between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.expressions.values import Json
from engine.problems import Problem

MOST = 500
USUAL = 50


@dataclass(frozen=True, slots=True)
class Page:
    """`cursor` is where the next page begins, as JSON values that the API makes opaque; None on the last page."""

    items: list[Json]
    cursor: list[Json] | None


def bounded(limit: int | None) -> int:
    """Raises `Problem` 422 for a limit that no list takes."""
    if limit is None:
        return USUAL
    if not 1 <= limit <= MOST:
        raise Problem(422, "limit.invalid", f"`limit` is {limit}; it must be from 1 to {MOST}.")
    return limit


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
