"""JSON as bytes, for all that is stored or sent: quick, and whole for every value that a document, a body or a step may hold.

orjson does nearly all of it. It refuses lone surrogates (`"\\ud800"` is legal in JSON text) and deep nesting; those go through the
standard library, which writes them as ASCII escapes. The two forms differ in bytes only where orjson has none. What comes from
outside is read by `strict_json.py` instead.
"""

from __future__ import annotations

import json
from typing import cast

import orjson

from modules.sdk.json import Json


def dumps(value: object) -> bytes:
    """UTF-8 without white space. `value` is JSON with finite numbers and integers of 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def loads(data: bytes) -> Json:
    """The value of JSON that `dumps`, or PostgreSQL, wrote. Raises `ValueError`."""
    try:
        return cast("Json", orjson.loads(data))
    except orjson.JSONDecodeError:
        return cast("Json", json.loads(data))
