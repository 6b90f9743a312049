"""`files.write`: makes a file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator

from modules.files.inputs.fields import FILE, NEW
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.new_file import new_file
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected


async def run(inputs: JsonObject, context: Context) -> Result:
    made = await context.files.write(_pieces(_content(inputs)), new_file(inputs), operation=context.idempotency_key)
    return Result(made.to_json())


def _content(inputs: JsonObject) -> bytes:
    text = str(inputs["content"])
    if inputs.get("encoding") == "base64":
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Rejected("input.invalid", "`content` is not base64") from None
    return text.encode("utf-8", "replace")


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


MODULE = Module(
    name="files.write",
    version=1,
    title="Write a file",
    manual=(
        "Makes a file of `content`, a text or with `encoding: base64` bytes, and gives what it is: `{file_id, name, mime_type, size, "
        "sha256, tags, expires_at}`. Any workflow of the workspace can read it by its `file_id`. A repeat of the step gives the same file. "
        "Larger files come from uploads, from `http.request` with `response: file`, or from `data.format`."
    ),
    kind="action",
    input_schema=object_of(
        {
            **NEW,
            "content": {"type": "string"},
            "encoding": {"enum": ["text", "base64"], "default": "text"},
        },
        ["name", "content"],
    ),
    output_schema=FILE,
    example=Example(
        inputs={"name": "order-7.txt", "content": "3 lamps", "tags": ["orders"], "expires_in": "30d"},
        output={
            "file_id": "01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11",
            "name": "order-7.txt",
            "mime_type": "text/plain",
            "size": 7,
            "sha256": "f7ea0d60ee2e6db9dd85ad88a0a4ea8b7bc1d3c2e44ab5ab40bb7ac3bd8f0f85",
            "tags": ["orders"],
            "expires_at": "2026-12-24T12:00:00.000000Z",
        },
        runnable=False,
    ),
    effect=Effect.WRITE,
    idempotent=True,
    keeps=True,
    timeout=60.0,
    run=run,
)
