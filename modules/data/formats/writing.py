"""`data.format` in the isolated pool."""

from __future__ import annotations

import json

from modules.data.formats.options import options_of
from modules.sdk.isolated import isolated
from modules.sdk.json import Json, JsonObject


@isolated
def write(argument: JsonObject) -> Json:
    """The inputs of `data.format` → its output. Raises Rejected `data.invalid`, `input.invalid`."""
    form, options, rows = str(argument["format"]), options_of(argument), argument["rows"]
    return {"text": _text(form, rows if isinstance(rows, list) else [], options)}


def _text(form: str, rows: list[Json], options: JsonObject) -> str:
    if form == "csv":
        from modules.data.formats import csv

        return csv.write(rows, options)
    if form == "yaml":
        from modules.data.formats import yaml

        return yaml.write(rows)
    if form == "xml":
        from modules.data.formats import xml

        return xml.write(rows, options)
    if form == "jsonl":
        return "".join(compact(row) + "\n" for row in rows)
    indent = options.get("indent")
    return compact(rows) if not isinstance(indent, (int, float)) or indent < 1 else _indented(rows, int(indent))


def compact(value: Json) -> str:
    """JSON in one line. Lone surrogates, which no text in UTF-8 can hold, stay escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text if _encodable(text) else json.dumps(value, separators=(",", ":"), allow_nan=False)


def _indented(rows: list[Json], indent: int) -> str:
    text = json.dumps(rows, ensure_ascii=False, indent=indent, allow_nan=False)
    return text if _encodable(text) else json.dumps(rows, indent=indent, allow_nan=False)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
