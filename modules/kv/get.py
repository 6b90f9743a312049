"""`kv.get`: reads a key."""

from __future__ import annotations

from modules.kv.keys.inputs import KEY, OUTPUT, SCOPE, key_of, output_of, scope_of
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    return Result(output_of(await context.key_values.get(scope_of(inputs), key_of(inputs))))


MODULE = Module(
    name="kv.get",
    version=1,
    title="Read a key",
    manual=(
        "Reads a key of the workflow's own store, or with `scope: workspace` of the one that all workflows share. "
        "The output is `{value, version, found}`; a key that isn't there, or has expired, gives null, 0 and "
        "false."
    ),
    kind="action",
    input_schema=object_of(
        {
            "scope": SCOPE,
            "key": KEY,
        },
        ["key"],
    ),
    output_schema=OUTPUT,
    example=Example(inputs={"key": "last-order"}, output={"value": None, "version": 0, "found": False}),
    effect=Effect.READ,
    idempotent=True,
    run=run,
)
