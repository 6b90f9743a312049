"""`core.set`: names values."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


def set_values(inputs: JsonObject) -> Result:
    return Result(inputs["values"])


MODULE = Module(
    name="core.set",
    version=1,
    title="Set values",
    manual=(
        "Gives `values` as its output, with all expressions in them resolved: a place to compute something once "
        "and to give it a name, read by later steps as `steps.<id>.output.<key>`."
    ),
    kind="action",
    input_schema=object_of({"values": {"type": "object", "description": "what to give"}}, ["values"]),
    output_schema={"type": "object"},
    example=Example(inputs={"values": {"amount": 3, "sku": "a-1"}}, output={"amount": 3, "sku": "a-1"}),
    pure=set_values,
)
