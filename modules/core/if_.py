"""`core.if`: two ways on, by a condition."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.if",
    version=1,
    title="If",
    manual=(
        "Goes on by the handle `true` or `false`, as `condition` says. The condition is an expression such as `{{ "
        "steps.total.output.amount > 100 }}`; what counts as empty (null, 0, an empty text, list or object) is "
        "false. The output is null."
    ),
    kind="control",
    input_schema=object_of({"condition": {"description": "decides the handle"}}, ["condition"]),
    output_schema={"type": "null"},
    example=Example(inputs={"condition": True}, output=None, handle="true"),
    handles=("true", "false"),
)
