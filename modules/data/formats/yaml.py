"""YAML by the 1.2 core schema, as `modules.sdk.yaml12` reads it, and written so that it reads back the same."""

from __future__ import annotations

import re

import yaml

from modules.data.formats.faults import invalid, unreadable
from modules.sdk.json import Json
from modules.sdk.parse_error import ParseError
from modules.sdk.verdicts import Rejected
from modules.sdk.yaml12 import parse_documents, plain_value

_MOST_COPIED = 4 * 2**20
_TEXT = "tag:yaml.org,2002:str"
_NUMBER = "tag:yaml.org,2002:float"

_HALF = re.compile("[\ud800-\udfff]")


def read(text: str) -> list[Json]:
    """The values of all documents in the text; an empty text is one null."""
    try:
        documents, faults = parse_documents(text, _MOST_COPIED)
    except ParseError as error:
        raise unreadable(error) from None
    for fault in faults:
        what = (
            "the merge key '<<' is not part of YAML 1.2" if fault.merge else f"the key {fault.key[:100]!r} stands twice"
        )
        raise invalid("YAML", what, fault.line, fault.column)
    return documents or [None]


def write(rows: list[Json]) -> str:
    """In block style. `read` gives back the same values."""
    return yaml.dump(rows, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**20)


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
            is_text = isinstance(plain_value(data), str)
        except ParseError:
            is_text = False
        style = None if is_text and data != "<<" else "'"
        if any(not character.isprintable() and character != "\n" for character in data):
            style = '"'
        return _node(_TEXT, data, style)

    def represent_number(self, data: float) -> yaml.ScalarNode:
        return _node(_NUMBER, repr(data), None)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(float, _Dumper.represent_number)
