"""`core.set_state`: what a while loop carries to its next iteration."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.set_state",
    version=1,
    title="Set loop state",
    manual=(
        "Merges `state` into `loop.state` of the nearest `core.while` around it, key by key, replacing whole "
        "values. Of two that run at once, the last to finish wins. The output is the new state."
    ),
    kind="control",
    input_schema=object_of({"state": {"type": "object", "description": "keys to set"}}, ["state"]),
    output_schema={"type": "object"},
    example=Example(inputs={"state": {"page": 2}}, output={"page": 2}, runnable=False),
)
