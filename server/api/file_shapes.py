"""The shapes of requests and answers about files: see `shapes.py`."""

from __future__ import annotations

from server.api.shapes import ID, MAYBE_TIME, TEXT, WHOLE, Schema, closed, listed, listing, maybe

_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
_TAGS: Schema = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 100}, "maxItems": 50}
_LIFE: Schema = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "description": "Seconds."},
        {"type": "string", "description": "As `30s`, `5m`, `1h`, `7d`."},
    ]
}

FILE_REQUESTS: dict[str, Schema] = {
    "FileForm": {
        "type": "object",
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "name": _NAME,
            "mime_type": TEXT,
            "tags": listed(TEXT),
            "expires_in": TEXT,
        },
        "required": ["file"],
    },
    "FileChange": closed(
        {}, {"name": _NAME, "tags": _TAGS, "expires_in": {**maybe(_LIFE), "description": "From now on; null keeps it."}}
    ),
}

FILE_ANSWERS: dict[str, Schema] = {
    "File": closed(
        {
            "file_id": ID,
            "name": TEXT,
            "mime_type": TEXT,
            "size": WHOLE,
            "sha256": TEXT,
            "tags": listed(TEXT),
            "expires_at": MAYBE_TIME,
        }
    ),
    "FileList": listing("File"),
}
