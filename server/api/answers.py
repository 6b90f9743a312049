"""Answers: JSON bytes written by the same writer that the log uses, so that what went in comes out (64-bit integers, lone surrogates, NUL)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

from fastapi import Response

from engine.expressions.values import Json
from engine.problems import Problem
from engine.runs.pages import Page
from modules.sdk.json_bytes import dumps
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json


def answer(value: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dumps(value), status, headers=dict(headers or {}), media_type="application/json")


def page(items: Sequence[Json], next_cursor: str | None) -> Response:
    """The envelope of every list."""
    return answer({"items": list(items), "next_cursor": next_cursor})


def paged(found: Page) -> Response:
    """The same, of a page as the engine gives it."""
    return page(found.items, None if found.cursor is None else encode_cursor(*found.cursor))


def encode_cursor(*parts: Json) -> str:
    """Opaque to callers: the sort key of the last row of a page."""
    return base64.urlsafe_b64encode(dumps(list(parts))).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> list[Json] | None:
    """Raises `Problem` 422 `cursor.invalid` for anything that `encode_cursor` did not make."""
    if cursor is None:
        return None
    try:
        parts = parse_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ParseError, binascii.Error, ValueError):
        parts = None
    if not isinstance(parts, list) or not all(_fits(part) for part in parts):
        raise Problem(422, "cursor.invalid", "The cursor is none that a list of this workspace gave.")
    return parts


def _fits(part: Json) -> bool:
    """Whether the database can compare with it: a cursor that somebody made up may hold anything."""
    match part:
        case bool():
            return False
        case str():
            return "\x00" not in part and part.isprintable()
        case int():
            return -(2**63) <= part < 2**63
        case _:
            return False
