"""Bodies with files in them: sent as they are read, never held, and the same bytes on each attempt."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeAlias

from modules.http.client.building import multipart_end, part_head, part_value
from modules.sdk.context import Context, Sending
from modules.sdk.files import File
from modules.sdk.json import JsonObject
from modules.sdk.verdicts import Rejected

Part: TypeAlias = "bytes | File"


@dataclass(frozen=True, slots=True)
class FileBody:
    """What goes over the wire, and what kind it is."""

    content_type: str
    sending: Sending


def has_files(inputs: JsonObject) -> bool:
    """Whether the request's body has a file in it."""
    parts = inputs.get("multipart")
    return "body_file" in inputs or (
        isinstance(parts, list) and any(isinstance(part, dict) and "file_id" in part for part in parts)
    )


async def file_body(inputs: JsonObject, context: Context) -> FileBody:
    """Raises ModuleError `file.unknown`, `file.expired`, Rejected `input.invalid`."""
    if "body_file" in inputs:
        file = await context.files.stat(str(inputs["body_file"]))
        return FileBody(file.mime_type, _sending([file], context))
    pieces: list[Part] = []
    marks: list[bytes] = []
    parts = inputs["multipart"]
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, dict):
            continue
        if ("file_id" in part) == ("value" in part):
            raise Rejected("input.invalid", "each part of `multipart` has a `value` or a `file_id`: one of them")
        if "file_id" in part:
            file = await context.files.stat(str(part["file_id"]))
            head = part_head(part, file.name, file.mime_type)
            marks.append(head + file.sha256.encode())
            pieces.extend((head, file))
        else:
            value = part_value(part)
            marks.append(value)
            pieces.append(value)
        pieces.append(b"\r\n")
    # From the content, so that each attempt sends the same bytes under the same idempotency key
    boundary = hashlib.sha256(b"\0".join(marks)).hexdigest()
    opened: list[Part] = []
    for mark, piece in enumerate(pieces):
        if mark == 0 or pieces[mark - 1] == b"\r\n":
            opened.append(f"--{boundary}\r\n".encode())
        opened.append(piece)
    opened.append(multipart_end(boundary))
    return FileBody(f"multipart/form-data; boundary={boundary}", _sending(opened, context))


def _sending(parts: list[Part], context: Context) -> Sending:
    async def read() -> AsyncIterator[bytes]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            async for piece in context.files.open_read(part.file_id):
                yield piece

    return Sending(sum(len(part) if isinstance(part, bytes) else part.size for part in parts), read)
