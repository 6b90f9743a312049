"""`kv.delete`: removes a key."""

from __future__ import annotations

from modules.kv.keys.inputs import IF_VERSION, KEY, OUTPUT, SCOPE, if_version_of, key_of, output_of, scope_of
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    removed = await context.key_values.delete(
        scope_of(inputs), key_of(inputs), if_version=if_version_of(inputs), operation=context.idempotency_key
    )
    return Result(output_of(removed))


MODULE = Module(
    name="kv.delete",
    version=1,
    title="Delete a key",
    manual=(
        "Removes a key of the workflow's own store, or with `scope: workspace` of the one that all workflows "
        "share. With `if_version` only if the key's version is that number, else it fails with `kv.conflict`. The "
        "output is `{value, version, found}` as it was before: `found` tells whether there was anything to "
        "remove."
    ),
    kind="action",
    input_schema=object_of(
        {
            "scope": SCOPE,
            "key": KEY,
            "if_version": IF_VERSION,
        },
        ["key"],
    ),
    output_schema=OUTPUT,
    example=Example(inputs={"key": "last-order"}, output={"value": None, "version": 0, "found": False}),
    effect=Effect.WRITE,
    idempotent=True,
    run=run,
)
