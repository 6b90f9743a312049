"""`core.log`: a line for people."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.log",
    version=1,
    title="Log",
    manual=(
        "Writes a line with `level`, `message` and `data` into the step's own log, which stands beside its row in "
        "the run's log. The output is null."
    ),
    kind="control",
    input_schema=object_of(
        {
            "level": {"enum": ["debug", "info", "warning", "error"], "default": "info"},
            "message": {"type": "string"},
            "data": {"description": "anything worth keeping with it"},
        },
        ["message"],
    ),
    output_schema={"type": "null"},
    example=Example(
        inputs={"level": "warning", "message": "the shop sent no phone number", "data": {"id": 7}}, output=None
    ),
)
