"""The one byte form of a document, and the hash that names a version.

RFC 8785 (JSON Canonicalization Scheme): keys sorted by UTF-16 code units, no white space, numbers as ECMAScript
prints them, text in UTF-8 with the fewest escapes. Two cases lie outside the standard and are settled here, since a
hash must exist for everything that the parser lets through:

- integers beyond 2**53 are written in plain decimal. (The standard would round them to a double, so that two different
  documents would have one hash.)
- a lone surrogate, which UTF-8 can't hold, is written as its escape (`\\ud800`).
"""

from __future__ import annotations

import math
import re
from hashlib import sha256
from json.encoder import encode_basestring

from engine.expressions.values import Json

_SURROGATE = re.compile("[\ud800-\udfff]")


def canonical_bytes(value: Json) -> bytes:
    """The canonical JSON of `value`. Raises ValueError for a number that isn't finite."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()


def content_hash(document: Json) -> str:
    """SHA-256 in hex of the document without `layout`: where boxes stand on a canvas changes no behaviour."""
    if isinstance(document, dict):
        document = {key: value for key, value in document.items() if key != "layout"}
    return sha256(canonical_bytes(document)).hexdigest()


def number_text(value: float) -> str:
    """A finite double as ECMAScript's Number::toString prints it (ECMA-262, 6.1.6.1.20)."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinities have no JSON form")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent_text = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + ("" if fraction == "0" else fraction)
    exponent = int(exponent_text or "0") + len(whole)  # the value is 0.DIGITS * 10**exponent
    stripped = digits.lstrip("0")
    exponent -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    count = len(digits)
    if count <= exponent <= 21:
        return sign + digits + "0" * (exponent - count)
    if 0 < exponent <= 21:
        return f"{sign}{digits[:exponent]}.{digits[exponent:]}"
    if -6 < exponent <= 0:
        return f"{sign}0.{'0' * -exponent}{digits}"
    power = exponent - 1
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'+' if power >= 0 else '-'}{abs(power)}"


def _write(value: Json, parts: list[str]) -> None:
    if value is None:
        parts.append("null")
    elif value is True:
        parts.append("true")
    elif value is False:
        parts.append("false")
    elif isinstance(value, str):
        parts.append(_text(value))
    elif isinstance(value, int):
        parts.append(str(value))
    elif isinstance(value, float):
        parts.append(number_text(value))
    elif isinstance(value, list):
        parts.append("[")
        for index, item in enumerate(value):
            if index:
                parts.append(",")
            _write(item, parts)
        parts.append("]")
    else:
        parts.append("{")
        for index, key in enumerate(sorted(value, key=_utf16)):
            if index:
                parts.append(",")
            parts.append(_text(key))
            parts.append(":")
            _write(value[key], parts)
        parts.append("}")


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _text(value: str) -> str:
    text = encode_basestring(value)
    return text if text.isascii() else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
