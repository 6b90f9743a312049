"""`data.format` into a file: written in the isolated pool, kept in pieces, and never in the run.

Rows that stand in files already (`rows_from`) go from one to the other a window at a time, so that files may be of any length: what parts of a
run have written is joined, and CSV becomes JSON lines or the other way round. This is for the two formats that are read and
written row by row.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

from modules.data.formats.filed import PIECEWISE, all_rows
from modules.sdk.context import Context
from modules.sdk.json import Json, JsonObject
from modules.sdk.new_file import new_file
from modules.sdk.verdicts import Rejected

_PIECE = 2**20
_KINDS = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def format_file(inputs: JsonObject, context: Context) -> JsonObject:
    """`{file_id, file}`. Raises what reading and writing the formats do, and what `Files.write` does."""
    form, source = str(inputs["format"]), inputs.get("rows_from")
    if isinstance(source, dict):
        if form not in PIECEWISE:
            raise Rejected(
                "input.invalid", f"`rows_from` is for {' and '.join(PIECEWISE)}: give `rows` to write {form}"
            )
        content = _converted(inputs, source, context)
    else:
        given = {name: value for name, value in inputs.items() if name != "file"}
        content = _pieces(await _written(given, context))
    said = inputs["file"]
    new = new_file(said if isinstance(said, dict) else {}, mime_type=_KINDS[form])
    file = await context.files.write(content, new, operation=context.idempotency_key)
    return {"file_id": file.file_id, "file": file.to_json()}


async def _converted(inputs: JsonObject, source: JsonObject, context: Context) -> AsyncIterator[bytes]:
    given = inputs.get("options")
    options: JsonObject = dict(given) if isinstance(given, dict) else {}
    named = "columns" in options
    ids = source["file_ids"]
    begun = False
    for file_id in ids if isinstance(ids, list) else []:
        async for rows in all_rows({**source, "file_id": file_id}, context):
            if inputs["format"] == "csv" and not named:
                _settle_columns(rows, options)
            if rows:
                yield await _written({"format": inputs["format"], "rows": rows, "options": options}, context)
            if rows and inputs["format"] == "csv" and not begun:
                begun, options = True, {**options, "header": False}


def _settle_columns(rows: list[Json], options: JsonObject) -> None:
    """The first rows say what the columns are; a column that comes later has no heading that it could get."""
    found = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    columns = options.get("columns")
    if not isinstance(columns, list):
        if found:
            options["columns"] = list[Json](found)
        return
    known = set(map(str, columns))
    late = next((name for name in found if name not in known), None)
    if late is not None:
        raise Rejected("data.invalid", f"a later row has the column {late[:100]!r}: name all in `options.columns`")


async def _written(given: JsonObject, context: Context) -> bytes:
    book = given["format"] == "xlsx"
    function, field = ("workbooks:write_workbook", "content") if book else ("writing:write", "text")
    made = await context.isolated.call(
        f"modules.data.formats.{function}", given, timeout=context.timeout, timeout_code="data.timeout"
    )
    assert isinstance(made, dict), "it gives an object"
    written = str(made[field])
    return base64.b64decode(written) if book else written.encode("utf-8", "replace")


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]
