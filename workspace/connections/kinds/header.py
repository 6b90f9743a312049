"""`header`: headers of any names, for targets that want several."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import HEADER_NAME, LINE, Carried, Kind, http_config


def _carry(_: JsonObject, secret: JsonObject) -> Carried:
    headers = secret["headers"]
    return Carried(headers={name: str(value) for name, value in headers.items()} if isinstance(headers, dict) else {})


KIND = Kind(
    name="header",
    title="Headers",
    config=http_config(),
    secret=object_of(
        {
            "headers": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 20,
                "propertyNames": HEADER_NAME,
                "additionalProperties": LINE,
            }
        },
        ["headers"],
    ),
    carry=_carry,
)
