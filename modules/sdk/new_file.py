"""How a step says what a file that it makes is called: the fields, and how they are read."""

from __future__ import annotations

from modules.sdk.files import NewFile
from modules.sdk.json import JsonObject
from modules.sdk.schema import duration, seconds

NAME: JsonObject = {"type": "string", "minLength": 1, "maxLength": 255}
TAGS: JsonObject = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 100}, "maxItems": 50}
EXPIRES_IN: JsonObject = duration("how long it is kept; without it, without end")


def new_file(given: JsonObject, *, name: str = "", mime_type: str | None = None) -> NewFile:
    """By the fields `name`, `mime_type`, `tags` and `expires_in`; `name` and `mime_type` are those of a file that isn't given its own."""
    kind, tags, life = given.get("mime_type"), given.get("tags"), given.get("expires_in")
    return NewFile(
        str(given.get("name", name)),
        mime_type if kind is None else str(kind),
        tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        None if life is None else seconds(life),
    )
