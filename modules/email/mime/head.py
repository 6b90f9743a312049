"""The head of a message or of a part: fields as they stand, found in one pass over the bytes, whatever they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modules.sdk.verdicts import Rejected

MOST_LINES = 1_000
LONGEST_FIELD = 64 * 1024
LARGEST_HEAD = 2**20
"""Bytes."""
_END = re.compile(rb"\n\r?\n")
_NAME = re.compile(rb"[!-9;-~]{1,200}")
_NO_TEXT = re.compile(rb"[\x00\r]+")


@dataclass(frozen=True, slots=True)
class Field:
    """`name` in lower case, `value` unfolded."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """`body`: where the body begins, in the same bytes."""

    fields: tuple[Field, ...]
    body: int

    def all(self, name: str) -> list[bytes]:
        return [field.value for field in self.fields if field.name == name]

    def first(self, name: str) -> bytes | None:
        return next((field.value for field in self.fields if field.name == name), None)


def head_of(raw: bytes, start: int = 0, end: int | None = None) -> Head:
    """The head of what stands from `start` to `end`. Raises Rejected `mail.too_large` over a limit."""
    end = len(raw) if end is None else end
    last, body = _border(raw, start, end)
    if last - start > LARGEST_HEAD:
        raise Rejected("mail.too_large", f"a head of the message has more than {LARGEST_HEAD // 2**20} MB")
    lines = raw[start:last].split(b"\n")
    if len(lines) > MOST_LINES:
        raise Rejected("mail.too_large", f"a head of the message has more than {MOST_LINES:,} lines")
    fields = tuple(_fields(lines))
    long = next((field.name for field in fields if len(field.value) > LONGEST_FIELD), None)
    if long is not None:
        raise Rejected("mail.too_large", f"the header {long!r} has more than {LONGEST_FIELD // 1024} kB")
    return Head(fields, body)


def first_fields(raw: bytes) -> Head:
    """What the beginning of a message says, as far as it goes: for those who must not refuse it yet."""
    begin = raw[:LARGEST_HEAD]
    last, body = _border(begin, 0, len(begin))
    return Head(tuple(_fields(begin[:last].split(b"\n"))), body)


def _border(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the head ends, and where the body begins."""
    for empty in (b"\n", b"\r\n"):
        if raw.startswith(empty, start, end):
            return start, start + len(empty)
    found = _END.search(raw, start, end)
    return (end, end) if found is None else (found.start(), found.end())


def _fields(lines: list[bytes]) -> Iterator[Field]:
    """What is no field (a line without a name before its colon) is passed over."""
    name: str | None = None
    value: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            value.append(line)
            continue
        if name is not None:
            yield Field(name, _text(value))
        before, colon, after = line.partition(b":")
        before = before.rstrip(b" \t")
        name = before.decode("ascii").lower() if colon and _NAME.fullmatch(before) else None
        value = [after]
    if name is not None:
        yield Field(name, _text(value))


def _text(lines: list[bytes]) -> bytes:
    return _NO_TEXT.sub(b" ", b"".join(line.rstrip(b"\r") for line in lines)).strip()
