"""`core.validate`: data against a JSON Schema."""

from __future__ import annotations

from modules.sdk.context import Context
from modules.sdk.declaration import Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    errors = await context.isolated.call(
        "modules.core.schemas.validating:find_errors",
        {"data": inputs["data"], "schema": inputs["schema"]},
        timeout=context.timeout,
        timeout_code="validate.timeout",
    )
    return Result({"errors": errors}, ("invalid",) if errors else ("valid",))


MODULE = Module(
    name="core.validate",
    version=1,
    title="Validate",
    manual=(
        "Checks `data` against `schema`, a JSON Schema 2020-12, and goes on by the handle `valid` or `invalid`. "
        "The output is `{errors}`: up to 100 of `{path, message}`, where `path` is a JSON Pointer into the data. "
        "`format` is a note, not a check; a `$ref` reaches only into the schema itself. A schema that is none "
        "fails with `validate.schema`."
    ),
    kind="action",
    input_schema=object_of(
        {
            "data": {"description": "what to check"},
            "schema": {"type": ["object", "boolean"], "description": "JSON Schema 2020-12", "x-eval": "raw"},
        },
        ["data", "schema"],
    ),
    output_schema=object_of(
        {
            "errors": {
                "type": "array",
                "items": object_of({"path": {"type": "string"}, "message": {"type": "string"}}, ["path", "message"]),
            }
        },
        ["errors"],
    ),
    example=Example(
        inputs={"data": {"amount": "3"}, "schema": {"properties": {"amount": {"type": "number"}}}},
        output={"errors": [{"path": "/amount", "message": "'3' is not of type 'number'"}]},
        handle="invalid",
    ),
    isolated=True,
    handles=("valid", "invalid"),
    timeout=10.0,
    run=run,
)
