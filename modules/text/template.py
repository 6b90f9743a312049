"""`text.template`: a text with statements. Rendering is the expression evaluator's, so the interpreter does it."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="text.template",
    version=1,
    title="Text template",
    manual=(
        "Renders `template` into `{text}`. Besides `{{ … }}` it has Jinja's statements (`{% if %}`, `{% for %}`, "
        "`{% set %}`), with the filters and tests of all expressions and the same limits. It sees the keys of "
        "`data` and nothing else, so pass in what it needs."
    ),
    kind="control",
    input_schema=object_of(
        {
            "template": {"type": "string", "maxLength": 1_000_000, "x-eval": "raw"},
            "data": {"type": "object", "default": {}, "description": "the names that the template sees"},
        },
        ["template"],
    ),
    output_schema=object_of({"text": {"type": "string"}}, ["text"]),
    example=Example(
        inputs={
            "template": "Dear {{ name }},{% for line in lines %} {{ line.n }} x {{ line.sku }}{% endfor %}",
            "data": {"name": "Ada", "lines": [{"sku": "a", "n": 2}]},
        },
        output={"text": "Dear Ada, 2 x a"},
    ),
)
