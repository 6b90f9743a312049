"""Bodies of webhooks that hold files: forms in parts, and bytes of any other kind. Files become files of the workspace, and the run sees them by
reference: `{file_id, name, mime_type, size, …}`.

    multipart/form-data     an object: a field's text, a file's reference; a name that comes more than once has a list
    bytes of any other type a file's reference
    all else                see `body.py`

What a sender calls a file is a label, never a path.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from engine.expressions.values import Json
from engine.problems import Problem, Unavailable
from engine.triggers.body import BODY_LIMIT, is_bytes, media_of, parse_body, too_large
from engine.triggers.input import gathered
from modules.sdk.files import Files, NewFile
from modules.sdk.verdicts import ModuleError
from workspace.files.naming import checked_type, safe_name

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FilesOf: TypeAlias = Callable[[int], Files]
"""A workspace's files, by its id."""
JsonObject = dict[str, Json]
MOST_PARTS = 1_000
_LONGEST_HEAD = 8 * 1024
_DAY = 86_400.0
_LONGEST_NAME = 200
_UNNAMED = "body"


@dataclass(frozen=True, slots=True)
class Part:
    """A file as it came. `name` and `mime_type` are what the sender says."""

    name: str
    mime_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class WithFiles:
    """A form's names and values in their order; a body that is one file has no name."""

    pairs: list[tuple[str | None, str | Part]]


def read_body(body: bytes, content_type: str | None) -> Json | WithFiles:
    """Raises `Problem`: 400, 413, 415."""
    if len(body) > BODY_LIMIT:
        raise too_large()
    media = media_of(content_type)
    if media == "multipart/form-data" and body:
        return WithFiles(_form(body, content_type or ""))
    if body and media is not None and is_bytes(media):
        return WithFiles([(None, Part(_UNNAMED, media, body))])
    return parse_body(body, content_type)


async def stored(given: WithFiles, files: Files, event_id: str, days: int) -> Json:
    """The body as the run sees it, its files kept for so many days. The same event again finds the same files. Raises `Problem`."""
    pairs: list[tuple[str, Json]] = []
    for number, (name, value) in enumerate(given.pairs):
        if isinstance(value, str):
            pairs.append((name or "", value))
            continue
        kept = await keep(value, files, f"event:{event_id}:{number}", days, "webhook")
        if name is None:
            return kept
        pairs.append((name, kept))
    return gathered(pairs)


async def keep(part: Part, files: Files, operation: str, days: int, tag: str) -> JsonObject:
    """The part as a file, kept for so many days. The same operation again finds the same file. Raises `Problem`."""
    name = _fitting(safe_name(part.name or _UNNAMED))
    new = NewFile(name, _type_of(part.mime_type, name), (tag,), days * _DAY)
    try:
        return (await files.write(_pieces(part.body), new, operation=operation)).to_json()
    except ModuleError as error:
        if error.code == "files.unavailable":
            raise Unavailable(
                "The store of files can't be reached. Nothing was accepted; send the request again."
            ) from error
        raise Problem(507 if error.code == "files.full" else 422, error.code, error.message) from error


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _fitting(name: str) -> str:
    """A long name is cut before its ending."""
    if len(name) <= _LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    return f"{stem[: _LONGEST_NAME - 20]}.{ending}" if dot and stem and len(ending) < 20 else name[:_LONGEST_NAME]


def _type_of(said: str | None, name: str) -> str:
    try:
        return checked_type(said, name)
    except ModuleError:
        return checked_type(None, name)


def _form(body: bytes, content_type: str) -> list[tuple[str | None, str | Part]]:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _malformed("its content type names no boundary")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _malformed(str(error)[:200]) from None
    if not reader.complete:
        raise _malformed("it ends too early")
    return reader.pairs


class _Reader:
    """What the parser's callbacks make of a form. Parts: head → data … → end."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str | None, str | Part]] = []
        self.complete = False
        self._name = bytearray()
        self._value = bytearray()
        self._head: dict[str, bytes] = {}
        self._kept = bytearray()
        self._size = 0

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finished,
        }

    def _begin(self) -> None:
        if len(self.pairs) >= MOST_PARTS:
            raise Problem(413, "multipart.too_many", f"The form has more than {MOST_PARTS:,} parts.")
        self._head = {}
        self._size = 0
        self._kept = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._size += len(self._name) + len(self._value)
        if self._size > _LONGEST_HEAD:
            raise Problem(413, "multipart.head_too_large", f"The head of a part has more than {_LONGEST_HEAD:,} bytes.")
        self._head[self._name.decode("latin-1").lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._kept += data[start:end]

    def _end(self) -> None:
        _, options = parse_options_header(self._head.get("content-disposition", b""))
        name = _text(options.get(b"name", b""))
        if b"filename" not in options:
            self.pairs.append((name, _text(bytes(self._kept))))
            return
        kind = self._head.get("content-type")
        part = Part(_text(options[b"filename"]), None if kind is None else _text(kind), bytes(self._kept))
        self.pairs.append((name, part))

    def _finished(self) -> None:
        self.complete = True


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _malformed(why: str) -> Problem:
    return Problem(400, "multipart.malformed", f"The body is no form that can be read: {why}.")
