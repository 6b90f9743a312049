"""The body of a request about runs, as an object with known keys only."""

from __future__ import annotations

from collections.abc import Sequence

from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.problems import Invalid


def object_of(body: Json, keys: Sequence[str]) -> dict[str, Json]:
    """`body` itself. Raises `Invalid` where it is no object or has another key."""
    if not isinstance(body, dict):
        raise Invalid("request.invalid", "The body must be an object.")
    for key in body:
        if key not in keys:
            raise Invalid("request.invalid", f"{key!r} is not known here.{suggestion(key, keys)}")
    return body
