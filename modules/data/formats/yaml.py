"""YAML by the 1.2 core schema: `on`, `no`, `12:30` and dates stay text.

PyYAML follows 1.1, so only its events are used, on a stack of our own: depth costs no recursion. Keys are text as they stand.
Aliases are copies, which count against a limit, so that a small text can't unfold without end.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import yaml

from modules.data.formats.faults import invalid
from modules.sdk.json import Json
from modules.sdk.strict_json import DEEPEST
from modules.sdk.verdicts import Rejected

_MOST_ALIASED = 1_000_000
_CORE = "tag:yaml.org,2002:"
_CONSTANTS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)

_HALF = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class _Open:
    value: list[Json] | dict[str, Json]
    anchor: str | None
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    documents: list[Json] = field(default_factory=list["Json"])
    stack: list[_Open] = field(default_factory=list[_Open])
    anchors: dict[str, Json] = field(default_factory=dict[str, "Json"])
    aliased: int = 0

    def handle(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.anchors = {}
        elif isinstance(event, yaml.ScalarEvent):
            here = self.stack[-1] if self.stack else None
            is_key = here is not None and isinstance(here.value, dict) and here.key is None
            value = event.value if is_key else _scalar(event)
            self._put(value, event)
            if event.anchor is not None:
                self.anchors[event.anchor] = value
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(self.stack) >= DEEPEST:
                raise _fault(f"it is nested deeper than {DEEPEST} levels", event)
            if event.tag not in (None, "!", f"{_CORE}map", f"{_CORE}seq"):
                raise _fault(f"the tag {event.tag[:100]!r} has no meaning in JSON", event)
            opened: list[Json] | dict[str, Json] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._put(opened, event)
            self.stack.append(_Open(opened, event.anchor))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            done = self.stack.pop()
            if done.anchor is not None:
                self.anchors[done.anchor] = done.value
        elif isinstance(event, yaml.AliasEvent):
            name = str(event.anchor)
            if name not in self.anchors:
                raise _fault(f"the alias {name!r} has no finished anchor before it", event)
            self._put(self._copy(self.anchors[name], len(self.stack), event), event)

    def _put(self, value: Json, event: yaml.Event) -> None:
        if not self.stack:
            self.documents.append(value)
            return
        here = self.stack[-1]
        if isinstance(here.value, list):
            here.value.append(value)
        elif here.key is None:
            if not isinstance(value, str):
                raise _fault("a key is a list or an object", event)
            if value in here.value:
                raise _fault(f"the key {value[:100]!r} stands twice", event)
            here.key = value
        else:
            here.value[here.key] = value
            here.key = None

    def _copy(self, value: Json, depth: int, event: yaml.Event) -> Json:
        self.aliased += 1
        if self.aliased > _MOST_ALIASED:
            raise _fault(f"its aliases unfold to over {_MOST_ALIASED} values", event)
        if depth > DEEPEST:
            raise _fault(f"it is nested deeper than {DEEPEST} levels", event)
        if isinstance(value, list):
            return [self._copy(item, depth + 1, event) for item in value]
        if isinstance(value, dict):
            return {key: self._copy(item, depth + 1, event) for key, item in value.items()}
        return value


def read(text: str) -> list[Json]:
    """The values of all documents in the text; an empty text is one null."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.handle(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise invalid(
            "YAML", error.problem or "it can't be read", mark and mark.line + 1, mark and mark.column + 1
        ) from None
    except (yaml.YAMLError, UnicodeError):
        raise invalid("YAML", "it has a character that YAML doesn't allow") from None
    return builder.documents or [None]


def write(rows: list[Json]) -> str:
    """In block style. `read` gives back the same values."""
    return yaml.dump(rows, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**20)


def plain(text: str) -> Json:
    """What an unquoted scalar means. Raises ValueError, with a text for people, for numbers that JSON doesn't have."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        if len(text) < 70 and -(2**63) <= (number := int(text, base)) < 2**64:
            return number
        raise ValueError("it has an integer beyond 64 bits")
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
        raise ValueError("it has a number that is too large")
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"it has {text}, which JSON doesn't have")
    return text


def _scalar(event: yaml.ScalarEvent) -> Json:
    tag = event.tag
    if tag is None and not event.implicit[0]:
        return event.value
    if tag in ("!", _CORE + "str"):
        return event.value
    if tag is not None and tag not in (_CORE + "null", _CORE + "bool", _CORE + "int", _CORE + "float"):
        raise _fault(f"the tag {str(tag)[:100]!r} has no meaning in JSON", event)
    try:
        return plain(event.value)
    except ValueError as error:
        raise _fault(str(error), event) from None


def _fault(what: str, event: yaml.Event) -> Exception:
    mark = event.start_mark
    return invalid("YAML", what, mark.line + 1, mark.column + 1) if mark else invalid("YAML", what)


def _node(tag: str, text: str, style: str | None) -> yaml.ScalarNode:
    return yaml.ScalarNode(tag, text, style=style)


class _Dumper(yaml.SafeDumper):
    """Quotes each text that would be read as something else, by the rules above."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        if _HALF.search(data):
            raise Rejected("data.invalid", "a value holds half of a surrogate pair, which YAML can't say")
        try:
            is_text = isinstance(plain(data), str)
        except ValueError:
            is_text = False
        style = None if is_text and data != "<<" else "'"
        if any(not character.isprintable() and character != "\n" for character in data):
            style = '"'
        return _node(_CORE + "str", data, style)

    def represent_number(self, data: float) -> yaml.ScalarNode:
        return _node(_CORE + "float", repr(data), None)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(float, _Dumper.represent_number)
