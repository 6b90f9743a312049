"""`core.wait`: lets time pass."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import duration

MODULE = Module(
    name="core.wait",
    version=1,
    title="Wait",
    manual=(
        "Waits for `duration`, or `until` a time (RFC 3339, such as `2026-01-31T08:00:00Z`; one that has passed "
        "ends it at once). A waiting run costs nothing and survives restarts; in tests the wait ends at once. The "
        "output is null."
    ),
    kind="control",
    input_schema={
        "type": "object",
        "properties": {
            "duration": duration("how long"),
            "until": {"type": "string", "description": "a time, RFC 3339"},
        },
        "oneOf": [{"required": ["duration"]}, {"required": ["until"]}],
        "additionalProperties": False,
    },
    output_schema={"type": "null"},
    example=Example(inputs={"duration": "10ms"}, output=None),
)
