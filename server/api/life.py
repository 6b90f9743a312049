"""How long something is to be kept, as callers say it: `7d`, or a number of seconds."""

from __future__ import annotations

import math
import re

from engine.problems import Invalid
from modules.sdk.schema import seconds

_DURATION = re.compile(r"\d{1,15}(\.\d{1,9})?(ms|s|m|h|d)", re.ASCII)
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)


def life_of(given: float | str) -> float:
    """Seconds. Raises `Problem` 422 `request.invalid`."""
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        return float(given)
    if isinstance(given, str) and _DURATION.fullmatch(given):
        return seconds(given)
    if not isinstance(given, str) and math.isfinite(given):
        return float(given)
    raise Invalid(
        "request.invalid", f"{str(given)[:50]!r} is not a time: it looks like `30m`, `7d`, or a number of seconds."
    )
