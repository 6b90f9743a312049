"""What the modules of files share: their fields, and how they read them."""

from __future__ import annotations

from modules.sdk.files import NewFile
from modules.sdk.json import JsonObject
from modules.sdk.schema import duration, object_of, seconds

FILE_ID: JsonObject = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "description": "as a file's `file_id` is given",
}
NAME: JsonObject = {"type": "string", "minLength": 1, "maxLength": 255, "description": "what it is called; no path"}
NEW: JsonObject = {
    "name": NAME,
    "mime_type": {"type": "string", "description": "such as `text/csv`; the name tells it unless given"},
    "tags": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 100}, "maxItems": 50},
    "expires_in": duration("how long it is kept; without it, without end"),
}
FILE: JsonObject = object_of(
    {
        "file_id": {"type": "string"},
        "name": {"type": "string"},
        "mime_type": {"type": "string"},
        "size": {"type": "integer", "minimum": 0},
        "sha256": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "expires_at": {"type": ["string", "null"]},
    },
    ["file_id", "name", "mime_type", "size", "sha256", "tags", "expires_at"],
)


def new_file(inputs: JsonObject) -> NewFile:
    """What a file is to be called, by the fields of `NEW`."""
    kind, tags, life = inputs.get("mime_type"), inputs.get("tags"), inputs.get("expires_in")
    return NewFile(
        str(inputs["name"]),
        None if kind is None else str(kind),
        tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        None if life is None else seconds(life),
    )
