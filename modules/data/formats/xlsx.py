"""Workbooks (xlsx): rows of one sheet.

Reading goes through the sheet row by row and keeps the rows that are asked for. A workbook is a zip archive of XML, so before anything
is unpacked the sizes that it declares are added up (what is read of an entry never exceeds the size it declares), entities in the
XML are refused, and the pool's limits of memory and time hold for the rest. A formula is what it last gave; it is never calculated here.

Writing makes the few parts that a workbook must have, in memory: openpyxl would use folders of the machine, which a process that is killed
leaves behind, and would take a text for a formula by how it begins. Here all texts are texts.

Law: reading what was written gives the same rows, where an empty text is null and rows without any value are left out.
"""

from __future__ import annotations

import datetime
import io
import json
import math
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, cast
from xml.sax.saxutils import escape, quoteattr

from modules.data.formats import csv
from modules.data.formats.faults import invalid
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import Rejected

_UNPACKED = 256 * 2**20
_ENTRIES = 10_000
_MOST_ROWS = 2**20
_MOST_COLUMNS = 2**14
_MOST_OUTPUT = 16 * 2**20
_LONGEST_TEXT = 32_767
"""What Excel takes: rows, columns, and characters of a cell."""
_EXACT = 10**15
"""From here on a workbook loses digits of an integer: it is then a text."""
_OLD = b"\xd0\xcf\x11\xe0"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SHEET_NAME = re.compile(r"(?!')[^\[\]:*?/\\]{1,31}(?<!')")
_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


class _Cell(Protocol):
    value: object
    number_format: str | None


class _Sheet(Protocol):
    title: str

    def reset_dimensions(self) -> None: ...
    def iter_rows(self) -> Iterator[Sequence[_Cell]]: ...


class _Workbook(Protocol):
    worksheets: list[_Sheet]


class _Load(Protocol):
    def __call__(self, file: io.BytesIO, *, read_only: bool, data_only: bool, keep_links: bool) -> _Workbook: ...


def read(data: bytes, options: JsonObject, start: int, most: int | None) -> JsonObject:
    """`{rows, next, total}` of the rows from `start` on. Raises Rejected `data.invalid`, `payload.too_large`, `input.invalid`."""
    _check(data)
    import openpyxl

    if not openpyxl.DEFUSEDXML:
        raise RuntimeError("without defusedxml no workbook is read")
    load = cast("_Load", openpyxl.load_workbook)
    try:
        with warnings.catch_warnings(action="ignore"):
            book = load(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            return _part(_rows(_chosen(book, options.get("sheet")), options), start, most)
    except (Rejected, MemoryError, RecursionError):
        raise
    except Exception as error:  # a library that takes what it reads for granted fails in any way
        raise invalid("xlsx", f"it is damaged ({type(error).__name__})") from None


def _check(data: bytes) -> None:
    if data.startswith(_OLD):
        raise invalid("xlsx", "it is protected by a password, or of the old kind (xls)")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
        raise invalid("xlsx", "it is no zip archive") from None
    size = sum(entry.file_size for entry in entries)
    if size > _UNPACKED or len(entries) > _ENTRIES:
        raise Rejected(
            "payload.too_large",
            f"the workbook unfolds to {size:,} bytes in {len(entries):,} parts; at most {_UNPACKED:,} in {_ENTRIES:,} are read",
        )


def _chosen(book: _Workbook, wanted: Json) -> _Sheet:
    names = [sheet.title for sheet in book.worksheets]
    if not names:
        raise invalid("xlsx", "it has no sheet")
    if isinstance(wanted, str):
        if wanted not in names:
            raise Rejected(
                "input.invalid", f"there is no sheet {wanted!r}; there are {', '.join(map(repr, names[:20]))}"
            )
        return book.worksheets[names.index(wanted)]
    number = int(wanted) if isinstance(wanted, (int, float)) else 1
    if number > len(names):
        raise Rejected("input.invalid", f"there is no sheet {number}; there are {len(names)}")
    return book.worksheets[number - 1]


def _rows(sheet: _Sheet, options: JsonObject) -> Iterator[Json]:
    """Rows that have any value. Columns without a heading go by their letter."""
    header = options.get("header", True)
    columns: list[str] | None = [str(name) for name in header] if isinstance(header, list) else None
    sheet.reset_dimensions()  # what a file says of its own size needn't be true
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if number > _MOST_ROWS or len(cells) > _MOST_COLUMNS:
            raise invalid("xlsx", f"a sheet has at most {_MOST_ROWS:,} rows and {_MOST_COLUMNS:,} columns", number)
        values = [_value(cell, number) for cell in cells]
        while values and values[-1] is None:
            values.pop()
        if not values:
            continue
        if columns is None and header is True:
            columns = csv.unique(
                [_letter(at) if one is None else _cell_text(one) for at, one in enumerate(values)], number, "xlsx"
            )
            continue
        if columns is None:
            yield values
            continue
        if len(values) > len(columns):
            columns = csv.unique([*columns, *map(_letter, range(len(columns), len(values)))], number, "xlsx")
        yield {name: values[at] if at < len(values) else None for at, name in enumerate(columns)}


def _part(rows: Iterator[Json], start: int, most: int | None) -> JsonObject:
    found: list[Json] = []
    size = 0
    for number, row in enumerate(rows):
        if number < start:
            continue
        if len(found) == most:
            return {"rows": found, "next": number, "total": None}
        size += len(dumps(row))
        if size > _MOST_OUTPUT:
            if most is None or not found:
                raise Rejected(
                    "payload.too_large", "the rows are more than a step's output holds: read fewer at once, by `limit`"
                )
            return {"rows": found, "next": number, "total": None}
        found.append(row)
    return {"rows": found, "next": None, "total": None}


def _value(cell: _Cell, row: int) -> Json:
    value = cell.value
    if value is None or value == "":
        return None
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else float(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise invalid("xlsx", "a number is too large", row)
        return value
    if isinstance(value, datetime.datetime):
        from openpyxl.styles.numbers import is_datetime

        kind = cast("str | None", is_datetime(cell.number_format or ""))
        return value.date().isoformat() if kind == "date" else value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else str(value)


def write(rows: list[Json], options: JsonObject) -> bytes:
    """A workbook of one sheet. Raises Rejected `data.invalid`, `input.invalid`."""
    title = str(options.get("sheet", "Sheet1"))
    if _SHEET_NAME.fullmatch(title) is None or _FORBIDDEN.search(title):
        raise Rejected("input.invalid", f"no sheet can be named {title[:50]!r}: 1 to 31 characters, none of []:*?/\\")
    lines = csv.table(rows, options)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _parts(title):
            with archive.open(zipfile.ZipInfo(name), "w") as entry:
                entry.write(text.encode())
        about = zipfile.ZipInfo("xl/worksheets/sheet1.xml")
        about.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(about, "w") as entry:
            entry.write(f'{_HEAD}<worksheet xmlns="{_NAMESPACE}"><sheetData>'.encode())
            for number, cells in enumerate(lines, 1):
                if number > _MOST_ROWS or len(cells) > _MOST_COLUMNS:
                    raise Rejected(
                        "data.invalid", f"a sheet has at most {_MOST_ROWS:,} rows and {_MOST_COLUMNS:,} columns"
                    )
                entry.write(_row(number, cells).encode())
            entry.write(b"</sheetData></worksheet>")
    return out.getvalue()


def _row(number: int, cells: Iterable[Json]) -> str:
    written = "".join(
        _written(cell, f"{_letter(at)}{number}") for at, cell in enumerate(cells) if cell is not None and cell != ""
    )
    return f'<row r="{number}">{written}</row>'


def _written(value: Json, place: str) -> str:
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _EXACT):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    text = _cell_text(value)
    if len(text) > _LONGEST_TEXT:
        raise Rejected("data.invalid", f"the cell {place} has {len(text):,} characters; one holds {_LONGEST_TEXT:,}")
    if _FORBIDDEN.search(text):
        raise Rejected("data.invalid", f"the text of the cell {place} has a character that a workbook can't hold")
    plain = escape(text, {"\r": "&#13;"})
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{plain}</t></is></c>'


def _cell_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _letter(at: int) -> str:
    """A column's letters: A, …, Z, AA, …"""
    letters = ""
    at += 1
    while at:
        at, last = divmod(at - 1, 26)
        letters = chr(65 + last) + letters
    return letters


def _parts(title: str) -> Iterator[tuple[str, str]]:
    yield (
        "[Content_Types].xml",
        f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    )
    yield (
        "_rels/.rels",
        f'{_HEAD}<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    )
    yield (
        "xl/workbook.xml",
        f'{_HEAD}<workbook xmlns="{_NAMESPACE}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name={quoteattr(title)} sheetId="1" r:id="rId1"/></sheets></workbook>',
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'{_HEAD}<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    )
