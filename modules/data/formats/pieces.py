"""A piece of a long file in the isolated pool: the whole rows that a window of its text holds, and how many bytes they took.

The window is cut after a line feed, so it holds whole characters; a CSV row that goes on beyond it (a line break within quotes) is left
for the next window, which begins where this one's rows ended.
"""

from __future__ import annotations

import csv as reader_of
from collections.abc import Iterator

from modules.data.formats import csv
from modules.data.formats.options import options_of
from modules.sdk.isolated import isolated
from modules.sdk.json import Json, JsonObject
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import parse_json
from modules.sdk.verdicts import Rejected

_UNFINISHED = "unexpected end of data"


@isolated
def parse_piece(argument: JsonObject) -> Json:
    """`{format, text, last, most, columns, options}` → `{rows, used, columns}`: `used` is bytes; `columns` are those of CSV, null until known.

    `last`: nothing follows the window. Raises Rejected `data.invalid`, `input.invalid`.
    """
    text, most = str(argument["text"]), argument["most"]
    limit = int(most) if isinstance(most, (int, float)) else 0
    if argument["format"] == "jsonl":
        return _lines(text, limit)
    return _csv(text, limit, argument)


def _lines(text: str, limit: int) -> Json:
    rows: list[Json] = []
    used = 0
    for line in _each(text):
        if len(rows) == limit:
            break
        if line.strip():
            try:
                rows.append(parse_json(line.removeprefix("\ufeff")))
            except ParseError as error:
                raise Rejected("data.invalid", f"a line of the file is not JSON: {error}") from None
        used += len(line.encode())
    return {"rows": rows, "used": used, "columns": None}


def _csv(text: str, limit: int, argument: JsonObject) -> Json:
    options = options_of(argument)
    columns: Json = argument["columns"]
    lines = [line.encode() for line in _each(text)]
    kept: list[str] = []
    found = 0
    delimiter, quote = csv.marks(options)
    reader = reader_of.reader(_each(text), delimiter=delimiter, quotechar=quote, strict=True)
    reader_of.field_size_limit(len(text) + 1)
    begun = 0
    wants_header = columns is None and options.get("header", True) is True
    try:
        for cells in reader:
            if cells and not wants_header and found == limit:
                break
            if cells and wants_header:
                wants_header, columns = False, list[Json](cells)
                if columns and isinstance(columns[0], str):
                    columns[0] = columns[0].removeprefix("\ufeff")
            elif cells:
                found += 1
                kept.extend(line.decode() for line in lines[begun : reader.line_num])
            begun = reader.line_num
    except reader_of.Error as error:
        if _UNFINISHED not in str(error) or argument["last"] is True:
            raise Rejected("data.invalid", f"the file is not CSV: {error}") from None
    given: JsonObject = {**options, "header": columns if columns is not None else options.get("header", True)}
    rows = csv.read("".join(kept), given) if kept else []
    return {"rows": rows, "used": sum(map(len, lines[:begun])), "columns": columns}


def _each(text: str) -> Iterator[str]:
    """Lines with their line feed."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end
