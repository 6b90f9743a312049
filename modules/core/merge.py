"""`core.merge`: several values become one. The work is in `modules.core.tables.merging`, apart from the declaration."""

from __future__ import annotations

from modules.core.tables.merging import merge
from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.merge",
    version=1,
    title="Merge",
    manual=(
        "Makes one value of `values`. `deep` merges objects key by key at every level and `shallow` at the first; "
        "the later value wins and lists are replaced. `concat` puts lists one after the other. `join` matches the "
        "rows (objects) of two or more lists, from left to right, by the keys in `on`, as SQL does: `inner` gives "
        "matching pairs as one object each (the later one's keys win), `left` also the left rows without a match, "
        "`outer` those of both sides, `anti` only the left rows without a match. Rows keep the order of the left "
        "list; a null or missing key matches nothing. Nulls among `values` are left out."
    ),
    kind="action",
    input_schema=object_of(
        {
            "values": {"type": "array", "description": "objects for deep and shallow, lists for concat and join"},
            "strategy": {"enum": ["deep", "shallow", "concat", "join"], "default": "deep"},
            "on": {
                "description": "key or keys that rows are matched by",
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True},
                ],
            },
            "how": {"enum": ["inner", "left", "outer", "anti"], "default": "inner"},
        },
        ["values"],
    ),
    output_schema={"type": ["object", "array"]},
    example=Example(
        inputs={
            "values": [
                [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}],
                [{"sku": "a", "price": 3}, {"sku": "c", "price": 9}],
            ],
            "strategy": "join",
            "on": "sku",
            "how": "left",
        },
        output=[{"sku": "a", "n": 2, "price": 3}, {"sku": "b", "n": 1}],
    ),
    pure=merge,
)
