"""`core.aggregate`: sums, averages and counts of groups. The work is in `modules.core.tables.aggregating`."""

from __future__ import annotations

from modules.core.tables.aggregating import aggregate
from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.aggregate",
    version=1,
    title="Aggregate",
    manual=(
        "Groups `items` by the values of the attributes in `group_by` (dots lead into objects) and gives one "
        "object a group, in the order in which groups first appear: the attributes and, by name, the measures. "
        "`count` counts the items of the group, or with `of` those that have a value there; `sum` and `avg` take "
        "numbers; `min` and `max` numbers or texts. Nulls and missing values are left out; of nothing, the sum is "
        "0 and the others are null. Without `group_by` all items are one group, and the result is a list of one."
    ),
    kind="action",
    input_schema=object_of(
        {
            "items": {"type": "array", "description": "objects"},
            "group_by": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "uniqueItems": True,
                "default": [],
            },
            "measures": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "op": {"enum": ["sum", "avg", "min", "max", "count"]},
                        "of": {"type": "string", "minLength": 1, "description": "attribute; only `count` does without"},
                    },
                    "required": ["op"],
                    "additionalProperties": False,
                },
            },
        },
        ["items", "measures"],
    ),
    output_schema={"type": "array", "items": {"type": "object"}},
    example=Example(
        inputs={
            "items": [
                {"sku": "a", "amount": 3},
                {"sku": "b", "amount": 1},
                {"sku": "a", "amount": 4},
            ],
            "group_by": ["sku"],
            "measures": {"lines": {"op": "count"}, "total": {"op": "sum", "of": "amount"}},
        },
        output=[{"sku": "a", "lines": 2, "total": 7}, {"sku": "b", "lines": 1, "total": 1}],
    ),
    pure=aggregate,
)
