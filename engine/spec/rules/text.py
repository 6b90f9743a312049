"""Values that a document can't hold, wherever they stand. Runs first: the other rules rely on what it lets through."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from engine.expressions.values import Json
from engine.spec.canonical import canonical_bytes
from engine.spec.finding import Code, Finding
from engine.spec.pointer import child
from modules.sdk.json import INT_MAX, INT_MIN
from modules.sdk.strict_json import MAX_DEPTH

MAX_SIZE = 2**20
_MOST_VALUES = 4_000_000


@dataclass(slots=True)
class Scan:
    """`sound`: the document can be looked at by rules that walk it."""

    findings: list[Finding] = field(default_factory=list[Finding])
    sound: bool = True


def scan(document: Json) -> Scan:
    """Looks at every value once, level by level, so that no depth is too deep."""
    result = Scan()
    level: list[tuple[Json, str]] = [(document, "")]
    seen = 0
    for _ in range(MAX_DEPTH + 2):
        below: list[tuple[Json, str]] = []
        for value, at in level:
            _look(value, at, result)
            if isinstance(value, dict):
                for key, item in value.items():
                    here = child(at, key)
                    _look(key, here, result)
                    below.append((item, here))
            elif isinstance(value, list):
                below.extend((item, child(at, index)) for index, item in enumerate(value))
        seen += len(below)
        if not below or seen > _MOST_VALUES:
            break
        level = below
    else:
        result.sound = False
        message = f"the document is nested deeper than {MAX_DEPTH} levels"
        result.findings.append(Finding(Code.LIMIT_DEPTH, level[0][1][:200], message, "take the inner parts apart"))
    if seen > _MOST_VALUES:
        result.sound = False
        result.findings.append(_too_large("far more than 1 MB"))
    if result.sound and (size := len(canonical_bytes(document))) > MAX_SIZE:
        result.findings.append(_too_large(f"{size:,} bytes"))
        result.sound = size <= 4 * MAX_SIZE
    return result


def _look(value: Json, at: str, result: Scan) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            message = "this text has a NUL character, which no part of a document can hold"
            result.findings.append(Finding(Code.TEXT_NUL, at, message, "remove it"))
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            message = "this text has half of a surrogate pair, which is not a character"
            result.findings.append(Finding(Code.TEXT_SURROGATE, at, message, "remove it, or write the whole character"))
    elif isinstance(value, float):
        if not math.isfinite(value):
            result.sound = False
            result.findings.append(Finding(Code.NUMBER, at, "NaN and infinities are not JSON values", "use null"))
    elif isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        result.sound = False
        result.findings.append(Finding(Code.NUMBER, at, "this integer needs more than 64 bits", "write it as text"))


def _too_large(size: str) -> Finding:
    message = f"the document has {size}; at most {MAX_SIZE:,} are allowed"
    return Finding(Code.LIMIT_SIZE, "", message, "move data into variables or files, or parts into a sub-workflow")
