"""What a transformation gave, as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

from modules.sdk.json import Json
from modules.sdk.verdicts import Rejected

_DEEPEST = 200


def as_json(value: object, depth: int = 0) -> Json:
    """Copies a result out of the library's own lists and objects. Raises Rejected `data.expression` for what isn't JSON."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            return int(value)
        raise Rejected("data.expression", "the result holds an integer beyond 64 bits")
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        raise Rejected("data.expression", "the result holds a number that JSON doesn't have")
    if depth == _DEEPEST:
        raise Rejected("data.expression", f"the result is nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        return {str(key): as_json(item, depth + 1) for key, item in entries.items()}
    if isinstance(value, Sequence):
        return [as_json(item, depth + 1) for item in cast("Sequence[object]", value)]
    raise Rejected("data.expression", "the result holds a function")
