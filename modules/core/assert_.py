"""`core.assert`: fails unless something holds."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.assert",
    version=1,
    title="Assert",
    manual=(
        "Goes on when `condition` is true, and fails with `assert.failed` and `message` when it isn't. For what "
        "must hold if the workflow is right; it is never retried. The output is null."
    ),
    kind="control",
    input_schema=object_of(
        {
            "condition": {"description": "must be true"},
            "message": {"type": "string", "default": "the condition is false"},
        },
        ["condition"],
    ),
    output_schema={"type": "null"},
    example=Example(inputs={"condition": True, "message": "an order has at least one line"}, output=None),
)
