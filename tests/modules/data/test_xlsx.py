"""Workbooks: what is written comes back, what others write is read, and what is made to hurt is refused within bounds."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.isolated.pool import IsolatedPool
from modules.data.formats import xlsx
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError

TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r"),
    min_size=1,
    max_size=20,
)
CELLS = TEXTS | st.sampled_from(["=1+1", "#N/A", " ", "1", "true", "+a", "@x"]) | st.booleans() | st.none()
NUMBERS = st.integers(-(10**15) + 1, 10**15 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "ü", "<&>", "a b"]), CELLS | NUMBERS), max_size=6))
@settings(max_examples=100)
def test_what_is_written_comes_back(rows: list[JsonObject]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    kept: list[Json] = []
    for row in rows:
        whole: JsonObject = {name: row.get(name) for name in columns}
        if any(value is not None for value in whole.values()):
            kept.append(whole)
    made = xlsx.write(list(rows), {})
    assert xlsx.read(made, {}, 0, None)["rows"] == kept
    parts: list[Json] = []
    place: Json = 0
    while place is not None:
        found = xlsx.read(made, {}, cast("int", place), 2)
        parts.extend(cast("list[Json]", found["rows"]))
        place = found["next"]
    assert parts == kept


def test_lists_and_what_a_cell_cannot_hold() -> None:
    rows: list[Json] = [["sku", 1], [{"a": [1]}, None, True], [12345678901234567890, "x" * 32_767]]
    back = xlsx.read(xlsx.write(rows, {"header": False, "sheet": "Ä b"}), {"header": False, "sheet": "Ä b"}, 0, None)
    assert back["rows"] == [["sku", 1], ['{"a":[1]}', None, True], ["12345678901234567890", "x" * 32_767]]
    for wrong, options, code in (
        (["\x00"], {"header": False}, "data.invalid"),
        (["\uffff"], {"header": False}, "data.invalid"),
        (["x" * 32_768], {"header": False}, "data.invalid"),
        ([1], {"header": False, "sheet": "a/b"}, "input.invalid"),
        ([1] * 20_000, {"header": False}, "data.invalid"),
    ):
        with pytest.raises(ModuleError) as caught:
            xlsx.write([cast("Json", wrong)], cast("JsonObject", options))
        assert caught.value.code == code


def workbook(rows: list[list[object]], title: str = "Orders") -> bytes:
    book = openpyxl.Workbook()
    book.create_sheet("Other").append(["alone"])
    sheet = book.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_what_others_write_is_read() -> None:
    moment = datetime(2026, 3, 1, 12, 30, tzinfo=UTC).replace(tzinfo=None)
    made = workbook(
        [
            [None, None],
            ["sku", None, "when", 7],
            ["a", 1.5, moment, date(2026, 3, 1)],
            [],
            ["b", "=1+1", time(8, 15), timedelta(hours=30), "beside"],
        ]
    )
    assert xlsx.read(made, {"sheet": "Orders"}, 0, None) == {
        "rows": [
            {"sku": "a", "B": 1.5, "when": "2026-03-01T12:30:00", "7": "2026-03-01"},
            {"sku": "b", "B": None, "when": "08:15:00", "7": 108_000.0, "E": "beside"},
        ],
        "next": None,
        "total": None,
    }
    assert xlsx.read(made, {"sheet": 2, "header": ["x"]}, 0, None)["rows"] == [{"x": "alone"}]
    for options, code in (
        ({"sheet": "None"}, "input.invalid"),
        ({"sheet": 3}, "input.invalid"),
    ):
        with pytest.raises(ModuleError) as caught:
            xlsx.read(made, cast("JsonObject", options), 0, None)
        assert caught.value.code == code


def changed(made: bytes, name: str, content: bytes) -> bytes:
    """The workbook with another part in the place of one."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            new.writestr(each, content if each == name else old.read(each))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
GOOD = xlsx.write([{"a": "b"}], {})


def sheet(content: bytes, before: bytes = b"") -> bytes:
    return changed(GOOD, SHEET, before + HEAD + content + b"</worksheet>")


def cell(place: bytes, value: bytes, row: bytes = b"1") -> bytes:
    return b'<sheetData><row r="%s"><c r="%s"><v>%s</v></c></row></sheetData>' % (row, place, value)


HOSTILE: dict[str, tuple[Callable[[], bytes], str | list[Json]]] = {
    "nothing": (lambda: b"", "data.invalid"),
    "text": (lambda: b"sku,n\n", "data.invalid"),
    "old": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "data.invalid"),
    "cut": (lambda: GOOD[:-30], "data.invalid"),
    "no workbook": (lambda: changed(GOOD, "xl/workbook.xml", b"<a/>"), "data.invalid"),
    "broken XML": (lambda: changed(GOOD, SHEET, b"<worksheet><row>"), "data.invalid"),
    "entities": (lambda: sheet(b"<sheetData/>", b'<!DOCTYPE x [<!ENTITY e "eeee">]>'), "data.invalid"),
    "a file is fetched": (lambda: sheet(cell(b"A1", b"1"), b'<!DOCTYPE x SYSTEM "file:///etc/passwd">'), [[1]]),
    "a row far down": (lambda: sheet(cell(b"A999999999999", b"1", b"999999999999")), "data.invalid"),
    "a column far out": (lambda: sheet(cell(b"ZZZ1", b"1")), "data.invalid"),
    "a size that isn't": (lambda: sheet(b'<dimension ref="A1:XFD1048576"/>' + cell(b"A1", b"1")), [[1]]),
    "no number": (lambda: sheet(cell(b"A1", b"1e999")), "data.invalid"),
    "a bomb": (lambda: sheet(b" " * (300 * 2**20)), "payload.too_large"),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_is_made_to_hurt_ends_within_bounds(isolated_pool: IsolatedPool, kind: str) -> None:
    made, expected = HOSTILE[kind]
    options: JsonObject = {"header": False}
    argument: JsonObject = {"format": "xlsx", "content": base64.b64encode(made()).decode(), "options": options}
    function = "modules.data.formats.workbooks:parse_workbook"
    if isinstance(expected, list):
        found = await isolated_pool.call(function, argument, timeout=20, timeout_code="data.timeout")
        assert found == {"rows": expected, "next": None, "total": None}
        return
    with pytest.raises(ModuleError) as caught:
        await isolated_pool.call(function, argument, timeout=20, timeout_code="data.timeout")
    assert caught.value.code == expected
