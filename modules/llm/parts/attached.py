"""Files as parts of a message: pictures as such, text under its name, and nothing else."""

from __future__ import annotations

import base64
from typing import Final

from modules.sdk.files import File, Files
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

PICTURES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
_TEXTS: Final = ("application/json", "application/xml", "application/yaml", "application/x-yaml", "application/csv")
_LARGEST_PICTURE = 8 * 2**20
_LARGEST_TEXT = 2 * 2**20


async def parts_of(files: Files, file_ids: list[str]) -> list[Json]:
    """Raises ModuleError of `Files`, and `input.invalid` for a file that no model reads."""
    return [await _part(files, await files.stat(file_id)) for file_id in file_ids]


async def _part(files: Files, file: File) -> JsonObject:
    mime_type = file.mime_type.partition(";")[0].strip().lower()
    if mime_type in PICTURES:
        content = await _content(files, file, _LARGEST_PICTURE)
        return {
            "type": "image_url",
            "image_url": {"url": f"data:{mime_type};base64,{base64.b64encode(content).decode()}"},
        }
    if mime_type.startswith("text/") or mime_type in _TEXTS or mime_type.endswith(("+json", "+xml")):
        content = await _content(files, file, _LARGEST_TEXT)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Rejected("input.invalid", f"the file {file.name[:100]!r} is not text in UTF-8") from None
        return {"type": "text", "text": f"File {file.name!r}:\n{text}"}
    raise Rejected(
        "input.invalid",
        f"the file {file.name[:100]!r} is {file.mime_type[:100]!r}: a model gets text, and pictures of the types {', '.join(PICTURES)}",
    )


async def _content(files: Files, file: File, most: int) -> bytes:
    if file.size > most:
        raise Rejected(
            "payload.too_large", f"the file {file.name[:100]!r} has {file.size:,} bytes; a model gets {most:,} at most"
        )
    return b"".join([piece async for piece in files.open_read(file.file_id)])
