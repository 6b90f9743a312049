"""The options of the formats: their schema, and which format has which."""

from __future__ import annotations

from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected

FORMATS: list[Json] = ["json", "jsonl", "csv", "xml", "yaml", "xlsx"]

_DELIMITER: JsonObject = {"type": "string", "minLength": 1, "maxLength": 1, "default": ",", "description": "csv"}
_QUOTE: JsonObject = {"type": "string", "minLength": 1, "maxLength": 1, "default": '"', "description": "csv"}

PARSE_OPTIONS: JsonObject = object_of(
    {
        "delimiter": _DELIMITER,
        "quote": _QUOTE,
        "header": {
            "anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
            "default": True,
            "description": "csv, xlsx: whether the first row names the columns, or their names",
        },
        "infer": {
            "type": "boolean",
            "default": False,
            "description": "csv: numbers, true, false and empty cells become numbers, booleans and nulls",
        },
        "path": {
            "type": "string",
            "description": "json, yaml, xml: the dotted path of the list (or single value) that holds the rows",
        },
        "sheet": {
            "anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}],
            "default": 1,
            "description": "xlsx: the sheet's name, or its number from 1",
        },
        "lists": {
            "type": "array",
            "items": {"type": "string"},
            "description": "xml: names of elements that are a list even where there is one",
        },
    }
)
FORMAT_OPTIONS: JsonObject = object_of(
    {
        "delimiter": _DELIMITER,
        "quote": _QUOTE,
        "header": {
            "type": "boolean",
            "default": True,
            "description": "csv, xlsx: whether the first row names the columns",
        },
        "columns": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": "csv, xlsx: which columns, in which order; all keys of the rows without it",
        },
        "sheet": {"type": "string", "default": "Sheet1", "description": "xlsx: what the sheet is called"},
        "indent": {"type": "integer", "minimum": 0, "maximum": 8, "default": 0, "description": "json, xml"},
        "root": {
            "type": "string",
            "default": "rows",
            "description": "xml: the outermost element of several rows",
        },
        "row": {"type": "string", "default": "row", "description": "xml: the element of one of several rows"},
    }
)

_OF: dict[str, frozenset[str]] = {
    "json": frozenset({"path", "indent"}),
    "jsonl": frozenset(),
    "csv": frozenset({"delimiter", "quote", "header", "infer", "columns"}),
    "xlsx": frozenset({"header", "columns", "sheet"}),
    "yaml": frozenset({"path"}),
    "xml": frozenset({"path", "lists", "indent", "root", "row"}),
}


def options_of(argument: JsonObject) -> JsonObject:
    """The given options. Raises Rejected `input.invalid` for one that the format hasn't."""
    options = argument.get("options")
    if not isinstance(options, dict):
        return {}
    form = str(argument["format"])
    for name in options:
        if name not in _OF[form]:
            raise Rejected("input.invalid", f"the format {form!r} has no option {name!r}")
    return options
