"""`core.switch`: one way of many."""

from __future__ import annotations

from modules.sdk.declaration import Example, HandlesFromInput, Module
from modules.sdk.schema import HANDLE_PATTERN, object_of

MODULE = Module(
    name="core.switch",
    version=1,
    title="Switch",
    manual=(
        "Goes on by the handle of the first case that matches, else by `default`. A case matches when its "
        "`equals` is the same JSON value as `value`, or when its `when`, an expression, is true; cases are looked "
        "at in order and later ones are not evaluated. The output is null."
    ),
    kind="control",
    input_schema=object_of(
        {
            "value": {"description": "what `equals` is compared with"},
            "cases": {
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "items": {
                    "type": "object",
                    "properties": {
                        "handle": {"type": "string", "pattern": HANDLE_PATTERN, "x-eval": "raw"},
                        "equals": {"description": "matches when `value` is this"},
                        "when": {"description": "matches when this is true", "x-eval": "later", "x-scope": []},
                    },
                    "required": ["handle"],
                    "oneOf": [{"required": ["equals"]}, {"required": ["when"]}],
                    "additionalProperties": False,
                },
            },
        },
        ["cases"],
    ),
    output_schema={"type": "null"},
    example=Example(
        inputs={"value": "fr", "cases": [{"handle": "french", "equals": "fr"}, {"handle": "german", "equals": "de"}]},
        output=None,
        handle="french",
    ),
    handles=HandlesFromInput(field="cases", key="handle", always=("default",)),
)
