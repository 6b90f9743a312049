"""`postgres`: a PostgreSQL database."""

from __future__ import annotations

from modules.sdk.schema import object_of
from workspace.connections.kinds.kind import HOST, PORT, Kind

KIND = Kind(
    name="postgres",
    title="PostgreSQL",
    config=object_of(
        {
            "host": HOST,
            "port": {**PORT, "default": 5432},
            "database": {"type": "string", "minLength": 1, "maxLength": 63},
            "user": {"type": "string", "minLength": 1, "maxLength": 63},
            "sslmode": {
                "enum": ["disable", "prefer", "require", "verify-full"],
                "default": "verify-full",
                "description": "`require` encrypts but believes any certificate",
            },
        },
        ["host", "database", "user"],
    ),
    secret=object_of({"password": {"type": "string", "maxLength": 8192}}, []),
    probe="postgres",
)
