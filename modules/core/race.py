"""`core.race`: the first to succeed wins."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.race",
    version=1,
    title="Race",
    manual=(
        "Starts the steps of its slot; the first last step (one without an outgoing edge) that succeeds wins and "
        "everything else in the slot is cancelled. The output is `{winner, output}`: the step's id and what it "
        "gave. When all have failed the race fails with the error of the last."
    ),
    kind="control",
    input_schema=object_of({}),
    output_schema=object_of({"winner": {"type": "string"}, "output": {}}, ["winner", "output"]),
    example=Example(inputs={}, output={"winner": "mirror", "output": {"price": 3}}, runnable=False),
    slots=("body",),
)
