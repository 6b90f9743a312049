"""What the modules of key-values share: their fields, and how they read them."""

from __future__ import annotations

from typing import Literal

from modules.sdk.context import KeyValue
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import duration, object_of, seconds

SCOPE: JsonObject = {"enum": ["workflow", "workspace"], "default": "workflow"}
KEY: JsonObject = {"type": "string", "minLength": 1, "maxLength": 512}
TTL: JsonObject = duration("how long the key lives; without it, without end")
IF_VERSION: JsonObject = {"type": "integer", "minimum": 0, "description": "the version that the key must have"}
OUTPUT: JsonObject = object_of(
    {"value": {}, "version": {"type": "integer", "minimum": 0}, "found": {"type": "boolean"}},
    ["value", "version", "found"],
)


def scope_of(inputs: JsonObject) -> Literal["workflow", "workspace"]:
    return "workspace" if inputs.get("scope") == "workspace" else "workflow"


def key_of(inputs: JsonObject) -> str:
    return str(inputs["key"])


def ttl_of(inputs: JsonObject) -> float | None:
    return None if inputs.get("ttl") is None else seconds(inputs["ttl"])


def if_version_of(inputs: JsonObject) -> int | None:
    version = inputs.get("if_version")
    return int(version) if isinstance(version, (int, float)) else None


def number_of(inputs: JsonObject) -> int | float:
    number: Json = inputs.get("value", 1)
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        return number
    raise TypeError("what is added is a number")


def output_of(stored: KeyValue) -> JsonObject:
    return {"value": stored.value, "version": stored.version, "found": stored.found}
