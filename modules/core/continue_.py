"""`core.continue`: ends the iteration it stands in."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.continue",
    version=1,
    title="Continue",
    manual=(
        "Ends the iteration of the innermost loop around it; its other steps in flight are cancelled and the loop "
        "goes on with the next. In the result of a `core.for_each` the iteration gives null."
    ),
    kind="control",
    input_schema=object_of({}),
    output_schema={"type": "null"},
    example=Example(inputs={}, output=None, runnable=False),
    handles=(),
)
