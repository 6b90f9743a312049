"""`core.while`: its slot again and again, as long as a condition holds."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.while",
    version=1,
    title="While",
    manual=(
        "Runs the steps of its slot as long as `condition` is true; it is evaluated before each iteration and "
        "sees `index` (from 0) and `loop.state`. `state` is where the loop begins; steps change it with "
        "`core.set_state`, and only it persists from one iteration to the next. More than `max_iterations` fail "
        "with `while.limit`. The output is `{iterations, state}`."
    ),
    kind="control",
    input_schema=object_of(
        {
            "condition": {"description": "as long as this is true", "x-eval": "later", "x-scope": ["index", "loop"]},
            "max_iterations": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1000},
            "state": {"type": "object", "default": {}, "description": "the first `loop.state`"},
        },
        ["condition"],
    ),
    output_schema=object_of(
        {"iterations": {"type": "integer", "minimum": 0}, "state": {"type": "object"}}, ["iterations", "state"]
    ),
    example=Example(
        inputs={"condition": "{{ loop.state.page < 3 }}", "state": {"page": 3}},
        output={"iterations": 0, "state": {"page": 3}},
    ),
    slots=("body",),
)
