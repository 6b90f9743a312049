"""`core.stop`: ends the run."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.stop",
    version=1,
    title="Stop",
    manual=(
        "Ends the whole run from any depth as `succeeded` (or `cancelled`): steps in flight are cancelled, "
        "`finally` slots run, and `output`, where it is given, replaces the document's. In a child run it ends "
        "the child."
    ),
    kind="control",
    input_schema=object_of(
        {
            "status": {"enum": ["succeeded", "cancelled"], "default": "succeeded"},
            "output": {"description": "the run's output"},
        }
    ),
    output_schema={"type": "null"},
    example=Example(inputs={"status": "succeeded", "output": {"reason": "nothing to do"}}, output=None, runnable=False),
    handles=(),
)
