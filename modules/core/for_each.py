"""`core.for_each`: its slot once for each item."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.for_each",
    version=1,
    title="For each",
    manual=(
        "Runs the steps of its slot once for each element of `items`: a list, or an object, whose entries come as "
        "`{key, value}`. Inside, `item`, `index` (from 0) and `loop` (`index length first last parent`) are in "
        "scope. `concurrency` iterations run at once. The output is a list in the order of the items: what "
        "`collect` gives per iteration, else the output of the slot's only last step. An item that fails fails "
        'the loop, or with `on_item_error: continue` leaves `{"$error": {…}}` in its place.'
    ),
    kind="control",
    input_schema=object_of(
        {
            "items": {"type": ["array", "object"], "description": "what to go through"},
            "concurrency": {"type": "integer", "minimum": 1, "maximum": 500, "default": 1},
            "collect": {
                "description": "evaluated at the end of each iteration; sees the steps of the slot",
                "x-eval": "later",
                "x-scope": ["item", "index", "loop"],
            },
            "on_item_error": {"enum": ["fail", "continue"], "default": "fail"},
        },
        ["items"],
    ),
    output_schema={"type": "array", "description": "one element for each item, in order"},
    example=Example(
        inputs={"items": [1, 2, 3], "concurrency": 2, "collect": "{{ item * 10 }}"},
        output=[10, 20, 30],
    ),
    slots=("body",),
)
