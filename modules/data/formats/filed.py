"""`data.parse` on a file: long ones of CSV and JSON lines piece by piece, others whole.

`offset` and `next` of CSV and JSON lines are bytes: each part is read from where the one before ended, however far into the file that is. At
most one window of the file is in memory, and what a part gives is bounded by what a step's output may hold.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

from modules.sdk.context import Context
from modules.sdk.files import File
from modules.sdk.json import Json, JsonObject
from modules.sdk.json_bytes import dumps
from modules.sdk.verdicts import Rejected

_WHOLE = 16 * 2**20
_WINDOW = 2**20
_WIDEST = 16 * 2**20
_MOST_OUTPUT = 16 * 2**20
_ALL = 10**9
"""Rows: more than any window holds."""
PIECEWISE = ("csv", "jsonl")


async def parse_file(inputs: JsonObject, context: Context) -> JsonObject:
    """`{rows, next, total}`. Raises ModuleError `file.unknown`, `file.expired`, Rejected `data.invalid`, `payload.too_large`."""
    file = await context.files.stat(str(inputs["file_id"]))
    if inputs["format"] in PIECEWISE:
        return await _piecewise(inputs, file, context)
    if file.size > _WHOLE:
        raise Rejected(
            "payload.too_large",
            f"{file.name[:100]!r} has {file.size:,} bytes; as {inputs['format']!r} at most {_WHOLE:,} can be read: use CSV or JSON lines",
        )
    given = {name: value for name, value in inputs.items() if name != "file_id"}
    content = await _bytes(context, file, 0, file.size)
    if inputs["format"] == "xlsx":
        return await _call(
            "workbooks:parse_workbook", {**given, "content": base64.b64encode(content).decode()}, context
        )
    return await _call("reading:parse", {**given, "text": _text(content)}, context)


async def all_rows(inputs: JsonObject, context: Context) -> AsyncIterator[list[Json]]:
    """Every row of a file of CSV or JSON lines, some at a time, in memory that its length doesn't change. Raises what `parse_file` does."""
    file = await context.files.stat(str(inputs["file_id"]))
    columns = _given_columns(inputs)
    place = 0
    while place < file.size:
        rows, used, columns = await _piece(inputs, file, place, _ALL, columns, context)
        place += used
        yield rows


async def _piecewise(inputs: JsonObject, file: File, context: Context) -> JsonObject:
    place, limit = _number(inputs.get("offset"), 0), inputs.get("limit")
    most = int(limit) if isinstance(limit, (int, float)) else None
    columns = _given_columns(inputs)
    if 0 < place < file.size:
        if await _bytes(context, file, place - 1, place) != b"\n":
            raise Rejected("input.invalid", f"no row begins at `offset` {place}: give what `next` gave")
        if inputs["format"] == "csv" and _header(inputs) is True:
            columns = (await _piece(inputs, file, 0, 0, None, context))[2]
    rows: list[Json] = []
    size = 0
    while place < file.size and (most is None or len(rows) < most):
        wanted = _ALL if most is None else most - len(rows)
        found, used, columns = await _piece(inputs, file, place, wanted, columns, context)
        size += len(dumps(found))
        if size > _MOST_OUTPUT:
            if most is None or not rows:
                raise Rejected(
                    "payload.too_large", "the rows are more than a step's output holds: read fewer at once, by `limit`"
                )
            break
        rows.extend(found)
        place += used
    return {"rows": rows, "next": place if place < file.size else None, "total": None}


def _header(inputs: JsonObject) -> Json:
    options = inputs.get("options")
    return options.get("header", True) if isinstance(options, dict) else True


def _given_columns(inputs: JsonObject) -> Json:
    header = _header(inputs)
    return header if inputs["format"] == "csv" and isinstance(header, list) else None


async def _piece(
    inputs: JsonObject, file: File, place: int, most: int, columns: Json, context: Context
) -> tuple[list[Json], int, Json]:
    """Rows, bytes that they took, and the columns. The window grows until it holds a row."""
    window = _WINDOW
    while True:
        end = min(place + window, file.size)
        data = await _bytes(context, file, place, end)
        last = end == file.size
        whole = data if last else data[: data.rfind(b"\n") + 1]
        if whole:
            argument: JsonObject = {
                "format": inputs["format"],
                "options": inputs.get("options"),
                "text": _text(whole),
                "last": last,
                "most": most,
                "columns": columns,
            }
            found = await _call("pieces:parse_piece", argument, context)
            rows, used = found["rows"], _number(found["used"], 0)
            if isinstance(rows, list) and (used or last or most == 0):
                return rows, used or len(whole), found["columns"]
        if window >= _WIDEST:
            raise Rejected("payload.too_large", f"a row of {file.name[:100]!r} is longer than {_WIDEST:,} bytes")
        window *= 4


async def _call(function: str, argument: JsonObject, context: Context) -> JsonObject:
    found = await context.isolated.call(
        f"modules.data.formats.{function}", argument, timeout=context.timeout, timeout_code="data.timeout"
    )
    assert isinstance(found, dict), "it gives an object"
    return found


async def _bytes(context: Context, file: File, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in context.files.open_read(file.file_id, start=start, end=end)])


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected("data.invalid", "the file is not text in UTF-8") from None


def _number(value: Json, default: int) -> int:
    return int(value) if isinstance(value, (int, float)) else default
