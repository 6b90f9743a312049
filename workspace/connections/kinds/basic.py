"""`basic`: user name and password (RFC 7617)."""

from __future__ import annotations

import base64

from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import Carried, Kind, http_config


def _carry(_: JsonObject, secret: JsonObject) -> Carried:
    pair = f"{secret['username']}:{secret.get('password', '')}"
    return Carried(headers={"Authorization": f"Basic {base64.b64encode(pair.encode('utf-8', 'replace')).decode()}"})


KIND = Kind(
    name="basic",
    title="User name and password",
    config=http_config(),
    secret=object_of(
        {
            "username": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1000,
                "pattern": "^[^:\\x00-\\x1f\\x7f]+$",
                "description": "without a colon",
            },
            "password": {"type": "string", "maxLength": 8192, "pattern": "^[^\\x00-\\x1f\\x7f]*$"},
        },
        ["username"],
    ),
    carry=_carry,
)
