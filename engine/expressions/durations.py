"""Lengths of time as documents write them."""

import math
import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"(-?)(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_LONGEST = 86400.0 * 366 * 1000
_HELP = "write it as '500ms', '10s', '5m', '1h' or '7d', or as a number of seconds"


def parse_duration(value: str | int | float, *, signed: bool = False) -> float:
    """Seconds of `500ms`, `10s`, `5m`, `1h`, `7d` or of a number of seconds.

    Raises ValueError, with a text for people, for all else, for more than 1,000 years and, unless `signed`, for
    negative ones.
    """
    if type(value) is str:
        match = _TEXT.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value[:40]!r} is not a duration: {_HELP}")
        seconds = float(match[2]) * _UNITS[match[3]]
        if match[1]:
            seconds = -seconds
    elif type(value) is int or type(value) is float:
        if not -_LONGEST <= value <= _LONGEST:
            raise ValueError("a duration is at most 1,000 years")
        seconds = float(value)
    else:
        raise ValueError(f"this is not a duration: {_HELP}")
    if math.isnan(seconds) or abs(seconds) > _LONGEST:
        raise ValueError("a duration is at most 1,000 years")
    if seconds < 0 and not signed:
        raise ValueError("a duration can't be negative here")
    return seconds
