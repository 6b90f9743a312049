"""`core.break`: ends the loop around it."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.break",
    version=1,
    title="Break",
    manual=(
        "Ends the innermost loop around it: no new iteration starts and those in flight are cancelled. A "
        "`core.for_each` then gives the results of the iterations that had finished, in item order; a "
        "`core.while` counts those."
    ),
    kind="control",
    input_schema=object_of({}),
    output_schema={"type": "null"},
    example=Example(inputs={}, output=None, runnable=False),
    handles=(),
)
