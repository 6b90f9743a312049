"""Parts of a file, as HTTP asks for them (RFC 9110, section 14). One part at most; whoever asks for several gets the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.problems import Problem

_ONE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII)


def part_of(headers: Mapping[str, str], size: int, tag: str) -> tuple[int, int] | None:
    """Start and end (not included) of the part that is asked for; None for the whole. Raises `Problem` 416 where there is none."""
    found = _ONE.fullmatch(headers.get("range", ""))
    if found is None or headers.get("if-range", tag) != tag or (not found[1] and not found[2]):
        return None
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
        empty = int(found[2]) == 0
    else:
        start = int(found[1])
        end = min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
        empty = False
    if empty or start >= size:
        raise Problem(
            416, "range.unsatisfiable", f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, end
