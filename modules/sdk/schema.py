"""Parts of JSON Schema that declarations share, so that a duration or an object looks the same in each of them."""

from __future__ import annotations

from collections.abc import Sequence

from modules.sdk.json import Json, JsonObject

DURATION: JsonObject = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,9})?(ms|s|m|h|d)$"},
    ],
    "description": "`500ms`, `10s`, `5m`, `1h`, `7d`, or a number of seconds",
}

HANDLE_PATTERN = "^[a-z][a-z0-9_]{0,62}$"

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def object_of(properties: JsonObject, required: Sequence[str] = (), description: str | None = None) -> JsonObject:
    """An object that has these properties and no others."""
    schema: JsonObject = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        names: list[Json] = list(required)
        schema["required"] = names
    if description is not None:
        schema["description"] = description
    return schema


def duration(description: str, default: str | None = None) -> JsonObject:
    """A duration field with its own description."""
    schema: JsonObject = {**DURATION, "description": f"{description} ({DURATION['description']})"}
    if default is not None:
        schema["default"] = default
    return schema


def seconds(value: Json) -> float:
    """Seconds of a duration that fits `DURATION`."""
    if isinstance(value, str):
        unit = "ms" if value.endswith("ms") else value[-1]
        return float(value.removesuffix(unit)) * _UNITS[unit]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise TypeError("a duration is a text or a number")
