"""CSV (RFC 4180, with any delimiter and quote): rows are objects by column, or lists without a header. Workbooks share what a table is."""

from __future__ import annotations

import csv
import io
import json
import math
import re

from modules.data.formats.faults import invalid
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_CONSTANTS: dict[str, Json] = {"": None, "true": True, "false": False}
_LARGEST_FIELD = 20 * 2**20


def read(text: str, options: JsonObject) -> list[Json]:
    """All rows. A row shorter than the header has nulls at its end; a longer one is an error. Blank lines are skipped."""
    csv.field_size_limit(_LARGEST_FIELD)
    delimiter, quote = marks(options)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=True)
    header, infer = options.get("header", True), options.get("infer") is True
    columns: list[str] | None = [str(name) for name in header] if isinstance(header, list) else None
    rows: list[Json] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if header is True and columns is None:
                columns = unique(cells, reader.line_num)
                continue
            values: list[Json] = [_inferred(cell) if infer else cell for cell in cells]
            if columns is None:
                rows.append(values)
                continue
            if len(values) > len(columns):
                raise invalid("CSV", f"a row has {len(values)} cells under {len(columns)} columns", reader.line_num)
            values.extend([None] * (len(columns) - len(values)))
            rows.append(dict(zip(columns, values, strict=True)))
    except csv.Error as error:
        raise invalid("CSV", str(error), reader.line_num) from None
    return rows


def write(rows: list[Json], options: JsonObject) -> str:
    """Lines end with a line feed. A cell that could be taken for another is quoted."""
    used = marks(options)
    lines = [_line([_cell(cell) for cell in cells], used) for cells in table(rows, options)]
    return "".join(lines)


def table(rows: list[Json], options: JsonObject) -> list[list[Json]]:
    """Rows as lists of cells under their headings, the first of them unless `header` is false. Raises Rejected `input.invalid`."""
    if rows and all(isinstance(row, list) for row in rows):
        if options.get("header") is not False or "columns" in options:
            raise Rejected("input.invalid", "rows that are lists have no columns: set `header` to false")
        return [row for row in rows if isinstance(row, list)]
    objects = _objects(rows)
    columns = _columns(objects, options)
    lines: list[list[Json]] = [[row.get(column) for column in columns] for row in objects]
    return [list[Json](columns), *lines] if options.get("header") is not False and columns else lines


def _line(cells: list[str], marks: tuple[str, str]) -> str:
    # Not csv.writer: it leaves a lone carriage return unquoted, which readers take for the end of a line
    delimiter, quote = marks
    quoted = [
        quote + cell.replace(quote, quote * 2) + quote if any(mark in cell for mark in (*marks, "\r", "\n")) else cell
        for cell in cells
    ]
    # An empty line would be skipped, so the only cell of a row is written even when it is empty
    return (delimiter.join(quoted) or (quote * 2 if cells else "")) + "\n"


def marks(options: JsonObject) -> tuple[str, str]:
    delimiter, quote = str(options.get("delimiter", ",")), str(options.get("quote", '"'))
    if delimiter == quote or {delimiter, quote} & {"\n", "\r"}:
        raise Rejected("input.invalid", "`delimiter` and `quote` must differ, and neither may be a line break")
    return delimiter, quote


def unique(names: list[str], line: int, form: str = "CSV") -> list[str]:
    """The names of columns. Raises Rejected `data.invalid` where two are the same."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(form, f"two columns are named {name[:100]!r}", line)
        seen.add(name)
    return names


def _objects(rows: list[Json]) -> list[JsonObject]:
    found: list[JsonObject] = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Rejected("input.invalid", f"rows of a table are all objects or all lists; row {index} is no object")
        found.append(row)
    return found


def _columns(rows: list[JsonObject], options: JsonObject) -> list[str]:
    given = options.get("columns")
    if isinstance(given, list):
        return [str(name) for name in given]
    return list(dict.fromkeys(name for row in rows for name in row))


def _inferred(cell: str) -> Json:
    if cell in _CONSTANTS:
        return _CONSTANTS[cell]
    if _NUMBER.fullmatch(cell) is None:
        return cell
    if cell.lstrip("-").isdigit():
        # What would not come back as it is written stays a text: an article number isn't a quantity
        return number if len(cell) < 21 and -(2**63) <= (number := int(cell)) < 2**64 else cell
    value = float(cell)
    return value if math.isfinite(value) else cell


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
