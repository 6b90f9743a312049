"""`core.fail`: fails on purpose."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

CODE_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$"

MODULE = Module(
    name="core.fail",
    version=1,
    title="Fail",
    manual=(
        "Fails with the given `code` (dotted, such as `order.invalid`), `message` and `details`, as any step may "
        "fail: the scope around it fails, and a `core.try` may catch it. It is never retried."
    ),
    kind="control",
    input_schema=object_of(
        {
            "code": {"type": "string", "pattern": CODE_PATTERN, "maxLength": 100, "default": "run.failed"},
            "message": {"type": "string", "description": "for the person who reads the run"},
            "details": {"type": "object", "description": "for programs"},
        },
        ["message"],
    ),
    output_schema={"type": "null"},
    example=Example(inputs={"code": "order.invalid", "message": "the order has no lines"}, output=None, runnable=False),
)
