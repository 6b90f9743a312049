"""YAML by the 1.2 core schema, as JSON: `on`, `no`, `12:30` and dates stay text.

PyYAML's own constructors follow YAML 1.1, so only its *events* are used (libyaml's parser where it is there, else the one
in Python). Values are built on an explicit stack: depth costs no recursion, and size is counted before it is made.

- Aliases are expanded into copies, up to a limit of characters; an alias inside its own anchor is refused.
- Tags are refused, but for those of the core schema (`!!str`, `!!int` …).
- Keys are text, as they stand: `on: 1` has the key `on`, `404: x` the key `404`. Keys that are lists or objects are refused.
- A key that stands twice (the last one counts) and the merge key `<<` are reported, and the caller refuses them or not: a draft of
  a workflow may hold them, data may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

import yaml

from modules.sdk.json import Json
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import MAX_DEPTH, integer, number

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_COPIED = 2**20
"""Characters that aliases may add to a text, unless more are allowed."""

_CORE = "tag:yaml.org,2002:"
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


Path: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True)
class KeyFault:
    """A key that stands twice in one mapping, or a merge key. `path` leads to it from the top of its document."""

    path: Path
    key: str
    line: int
    column: int
    merge: bool


class Mark(Protocol):
    """Where an event stands, from 0."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


@dataclass(slots=True)
class _Open:
    """A collection that is being built. `key` is the key that waits for its value."""

    value: list[Json] | dict[str, Json]
    path: Path
    anchor: str | None
    started: int
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    several: bool
    most_copied: int
    documents: list[Json] = field(default_factory=list["Json"])
    faults: list[KeyFault] = field(default_factory=list[KeyFault])
    stack: list[_Open] = field(default_factory=list[_Open])
    anchors: dict[str, tuple[Json, int] | None] = field(default_factory=dict[str, "tuple[Json, int] | None"])
    size: int = 0
    """Characters of the JSON made so far."""
    copied: int = 0
    """How many of them came by aliases."""

    def handle(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            if self.documents and not self.several:
                raise _error("there is more than one document: keep one", event)
            self.anchors = {}
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            done = self.stack.pop()
            if done.anchor is not None:
                self.anchors[done.anchor] = (done.value, self.size - done.started)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value
        if _SURROGATE.search(text):
            raise _error("half of a surrogate pair is not a character", event)
        plain = event.implicit[0]
        here = self.stack[-1] if self.stack else None
        self.size += len(text) + 2
        started = self.size - len(text) - 2
        value: Json = text
        if here is None or not isinstance(here.value, dict) or here.key is not None:
            try:
                value = _resolve(text, event.tag, plain)
            except ParseError as error:
                raise _error(error.message, event) from None
        anchor = event.anchor
        if anchor is not None:
            self.anchors[anchor] = (value, self.size - started)
        self._put(value, event, merge=plain and text == "<<")

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        mapping = isinstance(event, yaml.MappingStartEvent)
        tag = event.tag
        if tag not in (None, "!", _CORE + ("map" if mapping else "seq")):
            raise _error(f"the tag {_shown(tag)} has no meaning here: remove it", event)
        if len(self.stack) >= MAX_DEPTH:
            raise _error(f"this is nested deeper than {MAX_DEPTH} levels", event)
        path = self._next_path()
        value: list[Json] | dict[str, Json] = {} if mapping else []
        anchor = event.anchor
        if anchor is not None:
            self.anchors[anchor] = None
        self._put(value, event)
        self.size += 2
        self.stack.append(_Open(value, path, anchor, self.size))

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = cast("str", event.anchor)
        if name not in self.anchors:
            raise _error(f"the alias {name!r} has no anchor before it", event)
        known = self.anchors[name]
        if known is None:
            raise _error(f"the alias {name!r} stands inside its own anchor", event)
        value, size = known
        self.size += size + 1
        self.copied += size + 1
        if self.copied > self.most_copied:
            raise _error(f"its aliases unfold to something larger than {self.most_copied // 2**20} MB", event)
        self._put(_copy(value), event)
        if _depth(value) + len(self.stack) > MAX_DEPTH:
            raise _error(f"this is nested deeper than {MAX_DEPTH} levels", event)

    def _put(self, value: Json, event: yaml.Event, *, merge: bool = False) -> None:
        if not self.stack:
            self.documents.append(value)
            return
        here = self.stack[-1]
        if isinstance(here.value, list):
            here.value.append(value)
        elif here.key is None:
            if not isinstance(value, str):
                raise _error("a key must be text, not a list, an object or an alias of one", event)
            if value in here.value or merge:
                mark = cast("Mark", event.start_mark)
                twice = value in here.value
                self.faults.append(
                    KeyFault((*here.path, value), value, mark.line + 1, mark.column + 1, merge and not twice)
                )
            here.value.pop(value, None)
            here.key = value
        else:
            here.value[here.key] = value
            here.key = None

    def _next_path(self) -> Path:
        if not self.stack:
            return ()
        here = self.stack[-1]
        return (*here.path, len(here.value) if isinstance(here.value, list) else here.key or "")


def parse_yaml(text: str, *, pure: bool = False) -> tuple[Json, tuple[KeyFault, ...]]:
    """The one document in `text` (null if there is none), and its doubtful keys. `pure` leaves libyaml out.

    Raises ParseError.
    """
    built = _build(text, _Builder(several=False, most_copied=MAX_COPIED), pure=pure)
    return (built.documents[0] if built.documents else None), tuple(built.faults)


def parse_documents(text: str, most_copied: int = MAX_COPIED) -> tuple[list[Json], tuple[KeyFault, ...]]:
    """As `parse_yaml`, for any number of documents."""
    built = _build(text, _Builder(several=True, most_copied=most_copied), pure=False)
    return built.documents, tuple(built.faults)


def _build(text: str, builder: _Builder, *, pure: bool) -> _Builder:
    if found := _SURROGATE.search(text):
        raise ParseError(f"half of a surrogate pair is not a character (at character {found.start()})")
    try:
        for event in _events(text, pure=pure):
            builder.handle(event)
    except yaml.MarkedYAMLError as error:
        mark = cast("Mark | None", error.problem_mark)
        problem = error.problem or error.context or "it can't be read"
        raise ParseError(f"this is not YAML: {problem}", *_place(mark)) from None
    except yaml.YAMLError as error:
        raise ParseError(f"this is not YAML: {str(error).splitlines()[0]}") from None
    return builder


def _events(text: str, *, pure: bool) -> Iterator[yaml.Event]:
    loader: object = yaml.SafeLoader if pure or not yaml.__with_libyaml__ else yaml.CSafeLoader
    parse = cast("Callable[..., Iterator[yaml.Event]]", yaml.parse)
    return parse(text, Loader=loader)


def _resolve(text: str, tag: str | None, plain: bool) -> Json:
    if tag is None:
        return plain_value(text) if plain else text
    if tag in ("!", _CORE + "str"):
        return text
    name = tag.removeprefix(_CORE)
    if name == tag or name not in ("null", "bool", "int", "float"):
        raise ParseError(f"the tag {_shown(tag)} has no meaning here: remove it")
    value = plain_value(text)
    fits = {"null": value is None, "bool": isinstance(value, bool), "int": type(value) is int}
    if name == "float" and type(value) in (int, float):
        return float(cast("float", value))
    if not fits.get(name, False):
        raise ParseError(f"this is not a value of the tag {_shown(tag)}")
    return value


def plain_value(text: str) -> Json:
    """What an unquoted scalar means. Raises ParseError for numbers that JSON doesn't have."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    first = text[0]
    if first not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        sign = "-" if first == "-" else ""
        return integer(sign + (text.lstrip("+-").lstrip("0") or "0"))
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        digits = text[2:].lstrip("0") or "0"
        return integer(str(int(digits[:24], 8 if text[1] == "o" else 16)) if len(digits) <= 24 else "9" * 22)
    if _FLOAT.fullmatch(text):
        return number(text)
    if _NOT_FINITE.fullmatch(text):
        raise ParseError(f"{text} is not a JSON value: put it in quotes if it is text")
    return text


def _copy(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def _depth(value: Json) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _place(mark: Mark | None) -> tuple[int | None, int | None]:
    return (None, None) if mark is None else (mark.line + 1, mark.column + 1)


def _error(message: str, event: yaml.Event) -> ParseError:
    return ParseError(message, *_place(event.start_mark))


def _shown(tag: str | None) -> str:
    return (tag or "").replace(_CORE, "!!")[:60]
