"""`data.parse` in the isolated pool."""

from __future__ import annotations

from modules.data.formats.faults import unreadable
from modules.data.formats.options import options_of
from modules.sdk.isolated import isolated
from modules.sdk.json import Json, JsonObject
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import Rejected


@isolated
def parse(argument: JsonObject) -> Json:
    """The inputs of `data.parse` → its output. Raises Rejected `data.invalid`, `input.invalid`."""
    form, options = str(argument["format"]), options_of(argument)
    rows = _rows(form, str(argument["text"]).removeprefix("\ufeff"), options)
    start, count = _number(argument.get("offset"), 0), _number(argument.get("limit"), len(rows))
    end = start + count
    return {"rows": rows[start:end], "next": end if end < len(rows) else None, "total": len(rows)}


def _rows(form: str, text: str, options: JsonObject) -> list[Json]:
    if form == "csv":
        from modules.data.formats import csv

        return csv.read(text, options)
    if form == "jsonl":
        return [_json(line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if form == "yaml":
        from modules.data.formats import yaml

        documents = yaml.read(text)
        value = documents[0] if len(documents) == 1 else documents
    elif form == "xml":
        from modules.data.formats import xml

        value = xml.read(text, options)
    else:
        value = _json(text, None)
    value = _at(value, options)
    return value if isinstance(value, list) else [value]


def _json(text: str, line: int | None) -> Json:
    try:
        return parse_json(text)
    except ParseError as error:
        raise unreadable(error, line) from None


def _at(value: Json, options: JsonObject) -> Json:
    """What `options.path` names. Where a piece of it is missing there are no rows, as in a list that is empty."""
    path = options.get("path")
    for name in path.split(".") if isinstance(path, str) and path else []:
        if not isinstance(value, dict):
            raise Rejected("data.invalid", f"`path` leads to {name!r}, but what is there is no object")
        if name not in value:
            return []
        value = value[name]
    return value


def _number(value: Json, default: int) -> int:
    return int(value) if isinstance(value, (int, float)) else default
