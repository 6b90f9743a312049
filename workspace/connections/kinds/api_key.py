"""`api_key`: a key in a header or in the query."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import HEADER_NAME, LINE, Carried, Kind, http_config


def _carry(config: JsonObject, secret: JsonObject) -> Carried:
    name = str(config.get("name", "X-Api-Key"))
    value = f"{config.get('prefix', '')}{secret['api_key']}"
    return Carried(query={name: value}) if config.get("in") == "query" else Carried(headers={name: value})


KIND = Kind(
    name="api_key",
    title="API key",
    config=http_config(
        {
            "in": {"enum": ["header", "query"], "default": "header"},
            "name": {**HEADER_NAME, "default": "X-Api-Key", "description": "of the header, or in the query"},
            "prefix": {**LINE, "maxLength": 100, "description": "before the key, as `Token `"},
        }
    ),
    secret=object_of({"api_key": LINE}, ["api_key"]),
    carry=_carry,
)
