"""The fields that the modules of files share."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.new_file import EXPIRES_IN, NAME, TAGS
from modules.sdk.schema import object_of

FILE_ID: JsonObject = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "description": "as a file's `file_id` is given",
}
NEW: JsonObject = {
    "name": {**NAME, "description": "what it is called; no path"},
    "mime_type": {"type": "string", "description": "such as `text/csv`; the name tells it unless given"},
    "tags": TAGS,
    "expires_in": EXPIRES_IN,
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
