"""What the two kinds of mail servers, `smtp` and `imap`, share."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import HOST, LINE, PORT


def mail_config(port: int, more: JsonObject | None = None) -> JsonObject:
    return object_of(
        {
            "host": HOST,
            "port": {**PORT, "default": port},
            "tls": {
                "enum": ["tls", "starttls", "none"],
                "default": "tls",
                "description": "`none` sends the password as it is",
            },
            "username": {**LINE, "maxLength": 320},
            **(more or {}),
        },
        ["host"],
    )


MAIL_SECRET: JsonObject = object_of({"password": {"type": "string", "maxLength": 8192}}, [])
