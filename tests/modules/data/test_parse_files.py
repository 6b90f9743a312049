"""`data.parse` on files: part by part gives the same rows as all at once, whatever the parts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from db.pool import Database
from engine.isolated.pool import IsolatedPool
from modules.data import format as formatting
from modules.data.parse import MODULE
from modules.sdk.files import NewFile
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context
from tests.fixtures.files import new_workspace_id
from workspace.files.objects import Objects
from workspace.files.store import StoredFiles

ROWS: list[JsonObject] = [
    {
        "a": f"{number}",
        "b": 'line\nbreak, "quoted"' if number % 7 == 0 else "x" * (number % 50),
        "ü": "ü" * (number % 5),
    }
    for number in range(3000)
]


class Parser:
    def __init__(self, pool: IsolatedPool, files: StoredFiles) -> None:
        self.pool, self.files, self.made = pool, files, 0

    async def put(self, content: bytes) -> str:
        async def once() -> AsyncIterator[bytes]:
            yield content

        self.made += 1
        return (await self.files.write(once(), NewFile("f"), operation=str(self.made))).file_id

    async def parse(self, **inputs: Json) -> JsonObject:
        assert MODULE.run is not None
        result = await MODULE.run(dict(inputs), replace(example_context(self.pool, 60), files=self.files))
        assert isinstance(result.output, dict)
        return result.output

    async def format(self, key: str = "k", **inputs: Json) -> JsonObject:
        assert formatting.MODULE.run is not None
        context = replace(example_context(self.pool, 60), files=self.files, idempotency_key=key)
        result = await formatting.MODULE.run(dict(inputs), context)
        assert isinstance(result.output, dict)
        return result.output

    async def parts(self, limit: int, **inputs: Json) -> list[Json]:
        rows: list[Json] = []
        place: Json = 0
        while place is not None:
            found = await self.parse(offset=place, limit=limit, **inputs)
            assert isinstance(found["rows"], list)
            assert len(found["rows"]) <= limit
            rows.extend(found["rows"])
            place = found["next"]
        return rows


@pytest.fixture
async def parser(isolated_pool: IsolatedPool, files_db: Database, folder_objects: Objects) -> Parser:
    return Parser(isolated_pool, StoredFiles(files_db, folder_objects, await new_workspace_id(files_db)))


def as_csv(rows: list[JsonObject]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["a", "b", "ü"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("limit", [337, 1000, 10_000])
async def test_parts_are_the_whole(parser: Parser, limit: int) -> None:
    text = as_csv(ROWS)
    file_id = await parser.put(b"\xef\xbb\xbf" + text)
    assert await parser.parts(limit, format="csv", file_id=file_id) == ROWS
    assert (await parser.parse(format="csv", text=text.decode()))["rows"] == ROWS
    lines = "\n".join(json.dumps(row) for row in ROWS).encode()
    assert await parser.parts(limit, format="jsonl", file_id=await parser.put(lines)) == ROWS
    assert await parser.parts(limit, format="jsonl", file_id=await parser.put(lines + b"\n\n")) == ROWS


async def test_rows_wider_than_a_window_and_files_of_many(parser: Parser) -> None:
    wide: list[JsonObject] = [{"a": "1", "b": "y\n" * 700_000, "ü": ""}, {"a": "2", "b": "z", "ü": ""}]
    assert await parser.parts(1, format="csv", file_id=await parser.put(as_csv(wide))) == wide
    many = [{"n": number, "t": "x" * 1000} for number in range(4000)]
    content = "".join(json.dumps(row) + "\n" for row in many).encode()
    assert await parser.parts(3000, format="jsonl", file_id=await parser.put(content)) == many


async def test_other_formats_are_read_whole(parser: Parser) -> None:
    file_id = await parser.put(b"[1, 2, 3]")
    assert await parser.parse(format="json", file_id=file_id, limit=2) == {"rows": [1, 2], "next": 2, "total": 3}
    assert (await parser.parse(format="jsonl", file_id=await parser.put(b"")))["rows"] == []


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "yaml", "xml", "xlsx"])
async def test_what_is_formatted_into_a_file_is_parsed_from_it(parser: Parser, form: str) -> None:
    rows: list[Json] = [{"a": f"{number}", "ü": f"=x{number}"} for number in range(30)]
    made = await parser.format(form, format=form, rows=rows, file={"name": "r", "tags": ["t"], "expires_in": "1h"})
    again = await parser.format(form, format=form, rows=[], file={"name": "r"})
    assert made == again, "a step that is repeated gives the first file"
    file = await parser.files.stat(str(made["file_id"]))
    assert file.to_json() == made["file"]
    assert (file.name, file.tags, file.mime_type != "application/octet-stream") == ("r", ("t",), True)
    options: JsonObject = {"options": {"path": "rows.row"}} if form == "xml" else {}
    found = await parser.parse(format=form, file_id=file.file_id, **options)
    assert found["rows"] == rows
    assert await parser.parts(7, format=form, file_id=file.file_id, **options) == rows


async def test_files_are_joined_and_turned_into_others(parser: Parser) -> None:
    halves: list[Json] = [await parser.put(as_csv(ROWS[:1000])), await parser.put(as_csv(ROWS[1000:]))]
    as_rows: JsonObject = {"format": "csv", "file_ids": halves}
    lines = await parser.format("lines", format="jsonl", rows_from=as_rows, file={"name": "all.jsonl"})
    assert await parser.parts(5000, format="jsonl", file_id=lines["file_id"]) == ROWS
    again: JsonObject = {"format": "jsonl", "file_ids": [lines["file_id"], lines["file_id"]]}
    table = await parser.format("table", format="csv", rows_from=again, file={"name": "twice.csv"})
    assert await parser.parts(9000, format="csv", file_id=table["file_id"]) == ROWS * 2
    chosen: JsonObject = {"columns": ["ü", "a"]}
    fewer = await parser.format("fewer", format="csv", rows_from=again, options=chosen, file={"name": "fewer.csv"})
    assert (await parser.parse(format="csv", file_id=fewer["file_id"], limit=2))["rows"] == [
        {"ü": row["ü"], "a": row["a"]} for row in ROWS[:2]
    ]


async def test_rows_of_files_that_can_not_be_joined_are_told(parser: Parser) -> None:
    one, other = await parser.put(b'{"a": 1}\n'), await parser.put(b'{"a": 1, "b": 2}\n')
    source: JsonObject = {"format": "jsonl", "file_ids": [one, other]}
    cases: tuple[tuple[JsonObject, str], ...] = (
        ({"format": "csv", "rows_from": source, "file": {"name": "f"}}, "data.invalid"),
        ({"format": "xlsx", "rows_from": source, "file": {"name": "f"}}, "input.invalid"),
        ({"format": "csv", "rows_from": source}, "input.invalid"),
        ({"format": "csv", "rows_from": source, "rows": [], "file": {"name": "f"}}, "input.invalid"),
        ({"format": "csv", "file": {"name": "f"}}, "input.invalid"),
    )
    for inputs, code in cases:
        with pytest.raises(ModuleError) as caught:
            await parser.format("refused", **inputs)
        assert caught.value.code == code
    assert [file.name for file in await parser.files.list_files([], "f", None, 10)] == ["f", "f"], "those that were put"


async def test_a_workbook_is_no_text(parser: Parser) -> None:
    for run in (parser.format(format="xlsx", rows=[]), parser.parse(format="xlsx", text="a")):
        with pytest.raises(ModuleError) as caught:
            await run
        assert caught.value.code == "input.invalid"


async def test_what_can_not_be_read_is_told(parser: Parser) -> None:
    good = await parser.put(b"a,b\n1,2\n3,4\n")
    codes: list[str] = []
    for inputs in (
        {"format": "csv", "file_id": good, "offset": 5},
        {"format": "csv", "file_id": good, "text": "a"},
        {"format": "csv"},
        {"format": "csv", "file_id": await parser.put(b'a,b\n"open')},
        {"format": "csv", "file_id": await parser.put(b"a\n1,2\n")},
        {"format": "jsonl", "file_id": await parser.put(b"{}\n{nonsense\n")},
        {"format": "jsonl", "file_id": await parser.put(b"\xff\xfe")},
        {"format": "json", "file_id": await parser.put(b" " * (16 * 2**20 + 1))},
        {"format": "json", "file_id": "01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11"},
    ):
        with pytest.raises(ModuleError) as caught:
            await parser.parse(**inputs)
        codes.append(caught.value.code)
    assert codes == [*["input.invalid"] * 3, *["data.invalid"] * 4, "payload.too_large", "file.unknown"]
