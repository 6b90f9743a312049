"""Addresses of a header, each told apart from what stands around it. What can be read in two ways isn't read at all: a list of senders that
may start runs is held against the result."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modules.email.mime.words import words
from modules.sdk.json import JsonObject

_ATOM = r"[^\s@<>()\[\]\\,;:\"\x00-\x20\x7f]{1,255}"
_PLAIN = re.compile(rf"{_ATOM}@(?:{_ATOM}|\[[0-9A-Za-z.:]{{1,80}}\])")
_QUOTED = re.compile(rf'"(?:[^"\\\x00-\x1f]|\\[\x20-\x7e]){{1,100}}"@{_ATOM}')
_ROUTE = re.compile(r"@[^:<>]{1,500}:")


@dataclass(frozen=True, slots=True)
class Address:
    """`address` is None where none can be made out."""

    name: str
    address: str | None

    def to_json(self) -> JsonObject:
        return {"name": self.name, "address": self.address}


def addresses(value: bytes) -> list[Address]:
    """In their order; groups are dissolved."""
    return _Reader(value.decode("utf-8", "replace")).read()


def is_address(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None or _QUOTED.fullmatch(text) is not None


class _Reader:
    """One pass, a character at a time: `outside` of everything, in a comment, in a quoted text, in angle brackets."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[Address] = []
        self._clear()

    def _clear(self) -> None:
        self._plain: list[str] = []
        self._name: list[str] = []
        self._comment: list[str] = []
        self._angle: str | None = None
        self._broken = False
        self._has_at = False

    def read(self) -> list[Address]:
        at, text = 0, self._text
        while at < len(text):
            char = text[at]
            if char == "(":
                at = self._comment_from(at)
            elif char == '"':
                end = self._quoted_to(at)
                self._take(text[at : end + 1], _unquoted(text[at + 1 : end]))
                at = end
            elif char == "<":
                end = self._angle_to(at)
                self._broken |= self._angle is not None or end == len(text)
                self._angle = text[at + 1 : end].strip()
                at = end
            elif char in ",;":
                self._flush()
            elif char == ":":
                # What stands before is a group's name.
                self._broken |= self._has_at or self._angle is not None
                if not self._broken:
                    self._clear()
            else:
                self._take(char, char)
            at += 1
        self._flush()
        return self._found

    def _take(self, plain: str, name: str) -> None:
        if self._angle is not None and plain.strip():
            self._broken = True
        self._has_at |= "@" in plain
        self._plain.append(plain)
        self._name.append(name)

    def _flush(self) -> None:
        plain = "".join(self._plain).strip()
        if plain or self._angle is not None or self._broken:
            if self._angle is not None:
                address, name = _ROUTE.sub("", self._angle, count=1), "".join(self._name)
            else:
                address, name = plain, "".join(self._comment)
            read = not self._broken and is_address(address)
            shown = " ".join(words(name).split())
            self._found.append(Address(shown, address if read else None))
        self._clear()

    def _comment_from(self, at: int) -> int:
        depth, text, begin = 0, self._text, at
        while at < len(text):
            if text[at] == "\\":
                at += 1
            elif text[at] == "(":
                depth += 1
            elif text[at] == ")":
                depth -= 1
                if depth == 0:
                    break
            at += 1
        self._broken |= depth > 0
        self._comment.append(text[begin + 1 : at])
        return at

    def _quoted_to(self, at: int) -> int:
        at += 1
        while at < len(self._text) and self._text[at] != '"':
            at += 2 if self._text[at] == "\\" else 1
        self._broken |= at >= len(self._text)
        return min(at, len(self._text))

    def _angle_to(self, at: int) -> int:
        at += 1
        while at < len(self._text) and self._text[at] != ">":
            at = self._quoted_to(at) + 1 if self._text[at] == '"' else at + 1
        return min(at, len(self._text))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
