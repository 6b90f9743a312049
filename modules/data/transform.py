"""`data.transform`: JSONata or JMESPath over data."""

from __future__ import annotations

from modules.sdk.context import Context
from modules.sdk.declaration import Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    language = "jmespath" if inputs["language"] == "jmespath" else "jsonata"
    return Result(
        await context.isolated.call(
            f"modules.data.languages.{language}_:transform",
            {"expression": inputs["expression"], "data": inputs.get("data")},
            timeout=context.timeout,
            timeout_code="data.timeout",
        )
    )


MODULE = Module(
    name="data.transform",
    version=1,
    title="Transform",
    manual=(
        "Applies `expression`, in JSONata or JMESPath, to `data` and gives the result; a result that is nothing "
        "is null. For reshaping that would take many expressions. JSONata has no clock, chance or `$eval` here. "
        "The work has a limit of time and memory: going over it fails with `data.timeout` or `data.memory`; an "
        "expression that is wrong, or doesn't fit the data, with `data.expression`."
    ),
    kind="action",
    input_schema=object_of(
        {
            "language": {"enum": ["jsonata", "jmespath"], "x-eval": "raw"},
            "expression": {"type": "string", "minLength": 1, "maxLength": 100_000, "x-eval": "raw"},
            "data": {"description": "what the expression works on"},
        },
        ["language", "expression", "data"],
    ),
    output_schema={"description": "what the expression gives"},
    example=Example(
        inputs={
            "language": "jsonata",
            "expression": "lines.{'sku': sku, 'total': price * n}",
            "data": {"lines": [{"sku": "a", "price": 3, "n": 2}, {"sku": "b", "price": 5, "n": 1}]},
        },
        output=[{"sku": "a", "total": 6}, {"sku": "b", "total": 5}],
    ),
    isolated=True,
    timeout=10.0,
    run=run,
)
