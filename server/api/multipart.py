"""Forms with a file in them, read as they come: the file's bytes go on piece by piece and are never held.

The form is `multipart/form-data` with one part `file`, and small fields before or after it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from engine.problems import Invalid, Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_FILE = "file"
_MOST_FIELDS = 100
_LONGEST_FIELD = 64 * 1024
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


@dataclass(slots=True)
class Form:
    """`name` and `mime_type` are what the file's part says, None where it doesn't; `fields` the other parts, in their order."""

    name: str | None = None
    mime_type: str | None = None
    fields: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


async def read_form(chunks: AsyncIterator[bytes], content_type: str, take: Callable[[bytes], Awaitable[None]]) -> Form:
    """`take` gets the bytes of the file. Raises `Problem` 400 `multipart.malformed`, 422 `request.invalid`, and what `take` raises."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _malformed("its content type names no boundary")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
            for piece in reader.taken():
                await take(piece)
    except FormParserError as error:
        raise _malformed(str(error)[:200]) from None
    if not reader.complete:
        raise _malformed("it ends too early")
    if not reader.has_file:
        raise Invalid("request.invalid", "The form has no part `file`.")
    return reader.form


class _Reader:
    """What the parser's callbacks make of the form. Parts: head → data … → end."""

    def __init__(self) -> None:
        self.form = Form()
        self.has_file = False
        self.complete = False
        self._name = ""
        self._value = b""
        self._head: dict[str, bytes] = {}
        self._in_file = False
        self._field = ""
        self._kept = bytearray()
        self._count = 0
        self._pieces: list[bytes] = []

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._opened,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finished,
        }

    def taken(self) -> list[bytes]:
        """Bytes of the file since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def _begin(self) -> None:
        self._head, self._name, self._value = {}, "", b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end].decode("latin-1").lower()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._head[self._name] = self._value
        self._name, self._value = "", b""

    def _opened(self) -> None:
        _, options = parse_options_header(self._head.get("content-disposition", b""))
        name = _text(options.get(b"name", b""))
        self._in_file = name == _FILE
        self._field = name
        self._kept.clear()
        if not self._in_file:
            self._count += 1
            if self._count > _MOST_FIELDS:
                raise Invalid("request.invalid", f"The form has more than {_MOST_FIELDS} fields.")
            return
        if self.has_file:
            raise Invalid("request.invalid", "The form has two parts `file`: send one file in one request.")
        self.has_file = True
        if b"filename" in options:
            self.form.name = re.sub("%22|%0[DA]", lambda found: _ESCAPED[found[0]], _text(options[b"filename"]))
        kind = self._head.get("content-type")
        self.form.mime_type = None if kind is None else _text(kind)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
            return
        self._kept += data[start:end]
        if len(self._kept) > _LONGEST_FIELD:
            raise Invalid(
                "request.invalid", f"The form's field {self._field[:100]!r} is longer than {_LONGEST_FIELD} bytes."
            )

    def _end(self) -> None:
        if not self._in_file:
            self.form.fields.setdefault(self._field, []).append(_text(bytes(self._kept)))
            self._kept.clear()

    def _finished(self) -> None:
        self.complete = True


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _malformed(why: str) -> Problem:
    return Problem(400, "multipart.malformed", f"The body is no form that can be read: {why}.")
