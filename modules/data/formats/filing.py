"""`data.format` into a file: written in the isolated pool, kept in pieces, and never in the run."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

from modules.sdk.context import Context
from modules.sdk.files import NewFile
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import seconds

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
    """`{file_id, file}`. Raises what writing the format does, and what `Files.write` does."""
    form = str(inputs["format"])
    given = {name: value for name, value in inputs.items() if name != "file"}
    function, field = ("workbooks:write_workbook", "content") if form == "xlsx" else ("writing:write", "text")
    made = await context.isolated.call(
        f"modules.data.formats.{function}", given, timeout=context.timeout, timeout_code="data.timeout"
    )
    assert isinstance(made, dict), "it gives an object"
    written = str(made[field])
    content = base64.b64decode(written) if form == "xlsx" else written.encode("utf-8", "replace")
    file = await context.files.write(_pieces(content), _new(inputs["file"], form), operation=context.idempotency_key)
    return {"file_id": file.file_id, "file": file.to_json()}


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]


def _new(given: Json, form: str) -> NewFile:
    said: JsonObject = given if isinstance(given, dict) else {}
    tags, life = said.get("tags"), said.get("expires_in")
    return NewFile(
        str(said["name"]),
        str(said.get("mime_type", _KINDS[form])),
        tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        None if life is None else seconds(life),
    )
