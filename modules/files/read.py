"""`files.read`: what is in a file, or a part of it."""

from __future__ import annotations

import base64

from modules.files.inputs.fields import FILE, FILE_ID
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected

_MOST = 14 * 2**20
"""Bytes: base64 makes a third more of them, and a step's output has 20 MB at most."""


async def run(inputs: JsonObject, context: Context) -> Result:
    file_id = str(inputs["file_id"])
    file = await context.files.stat(file_id)
    start, limit = _whole(inputs.get("offset"), 0), _whole(inputs.get("limit"), _MOST)
    end = min(start + limit, file.size)
    if "limit" not in inputs and file.size - start > _MOST:
        raise Rejected(
            "payload.too_large",
            f"{file.name[:100]!r} has {file.size:,} bytes, and a step takes {_MOST:,} at most: read it in parts by `offset` and `limit`, "
            "read its rows by `data.parse`, or pass it on by its `file_id`",
        )
    content = b"".join([piece async for piece in context.files.open_read(file_id, start=start, end=end)])
    wanted = inputs.get("encoding", "text")
    text = base64.b64encode(content).decode() if wanted == "base64" else _text(content, inputs)
    return Result({**file.to_json(), "content": text, "encoding": wanted, "next": end if end < file.size else None})


def _text(content: bytes, inputs: JsonObject) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if "limit" in inputs or "offset" in inputs:
            # A part may begin and end within a character.
            return content.decode("utf-8", "replace")
        raise Rejected("data.invalid", "the file is not text in UTF-8: read it with `encoding: base64`") from None


def _whole(value: Json, default: int) -> int:
    return int(value) if isinstance(value, (int, float)) else default


MODULE = Module(
    name="files.read",
    version=1,
    title="Read a file",
    manual=(
        "Gives what is in a file as `content`: a text in UTF-8, or with `encoding: base64` its bytes, besides what the file is. "
        "At most 14 MB in one step: `offset` and `limit`, in bytes, read a part, and `next` says where the next one begins (null at the end). "
        "To read rows use `data.parse` with `file_id`; to send a file on, pass its `file_id`: neither takes its bytes through the run."
    ),
    kind="action",
    input_schema=object_of(
        {
            "file_id": FILE_ID,
            "encoding": {"enum": ["text", "base64"], "default": "text"},
            "offset": {"type": "integer", "minimum": 0, "default": 0},
            "limit": {"type": "integer", "minimum": 1, "maximum": _MOST, "description": "bytes; all without it"},
        },
        ["file_id"],
    ),
    output_schema={
        **FILE,
        "properties": {
            **(properties if isinstance(properties := FILE["properties"], dict) else {}),
            "content": {"type": "string"},
            "encoding": {"enum": ["text", "base64"]},
            "next": {"type": ["integer", "null"]},
        },
        "required": [
            *(required if isinstance(required := FILE["required"], list) else []),
            "content",
            "encoding",
            "next",
        ],
    },
    example=Example(
        inputs={"file_id": "01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11"},
        output={
            "file_id": "01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11",
            "name": "order-7.txt",
            "mime_type": "text/plain",
            "size": 7,
            "sha256": "f7ea0d60ee2e6db9dd85ad88a0a4ea8b7bc1d3c2e44ab5ab40bb7ac3bd8f0f85",
            "tags": ["orders"],
            "expires_at": None,
            "content": "3 lamps",
            "encoding": "text",
            "next": None,
        },
        runnable=False,
    ),
    effect=Effect.READ,
    idempotent=True,
    timeout=60.0,
    run=run,
)
