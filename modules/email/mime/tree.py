"""Which parts a message has, and where each one's bytes lie: found by searching for borders, so that the time is in proportion to the bytes.

Model. A part is a span of the message. A multipart's span is cut at its boundary's lines; what stands before the first and after the last is for
nobody. Where the last line is missing, the last part goes to the end. What can't be cut (no boundary) is one part of bytes. A message inside
of a message is a file: its parts are its own matter.

Rejected: Python's `email` package. It copies each line of 25 MB several times, which takes more than the two seconds that a mail may cost,
and its parsers of addresses and parameters had several quadratic cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modules.email.mime.head import Head, head_of
from modules.email.mime.parameters import Worded, worded
from modules.sdk.verdicts import Rejected

MOST_PARTS = 200
DEEPEST = 10
_LONGEST_BOUNDARY = 200


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that isn't cut any further; `start` to `end` is its body."""

    head: Head
    type: Worded
    start: int
    end: int


def leaves(raw: bytes) -> tuple[Head, list[Leaf]]:
    """The message's own head, and its parts in their order. Raises Rejected `mail.too_large`."""
    head = head_of(raw)
    found: list[Leaf] = []
    # What is still to be cut, the first last.
    open_: list[tuple[Head, int, int, str, int]] = [(head, head.body, len(raw), "text/plain", 1)]
    seen = 1
    while open_:
        own, start, end, default, depth = open_.pop()
        kind = worded(own.first("content-type"))
        if "/" not in kind.word:
            kind = Worded(default, kind.parameters)
        boundary = kind.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
        if not kind.word.startswith("multipart/") or not 1 <= len(boundary) <= _LONGEST_BOUNDARY:
            found.append(Leaf(own, kind, start, end))
            continue
        if depth > DEEPEST:
            raise Rejected("mail.too_large", f"the message's parts are nested more than {DEEPEST} levels deep")
        inside: list[tuple[Head, int, int, str, int]] = []
        for begin, stop in _spans(raw, start, end, boundary):
            seen += 1
            if seen > MOST_PARTS:
                raise Rejected("mail.too_large", f"the message has more than {MOST_PARTS} parts")
            part = head_of(raw, begin, stop)
            inner = "message/rfc822" if kind.word == "multipart/digest" else "text/plain"
            inside.append((part, part.body, stop, inner, depth + 1))
        open_.extend(reversed(inside))
    return head, found


def _spans(raw: bytes, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Between the boundary's lines. The line break before one belongs to it."""
    border = b"--" + boundary
    begin: int | None = None
    at = raw.find(border, start, end)
    while at >= 0:
        after = at + len(border)
        line = raw.find(b"\n", after, min(end, after + 200))
        stop = line if line >= 0 else min(end, after + 200)
        rest = raw[after:stop].strip(b" \t\r")
        if (at == start or raw[at - 1] == 0x0A) and rest in (b"", b"--"):
            if begin is not None:
                yield begin, _before_break(raw, begin, at)
            if rest:
                return
            begin = after if line < 0 else line + 1
        at = raw.find(border, after, end)
    if begin is not None and begin <= end:
        yield begin, end


def _before_break(raw: bytes, begin: int, at: int) -> int:
    if at - 2 >= begin and raw[at - 2 : at] == b"\r\n":
        return at - 2
    return max(begin, at - 1)
