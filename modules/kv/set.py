"""`kv.set`: writes a key."""

from __future__ import annotations

from modules.kv.keys.inputs import (
    IF_VERSION,
    KEY,
    OUTPUT,
    SCOPE,
    TTL,
    if_version_of,
    key_of,
    output_of,
    scope_of,
    ttl_of,
)
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    written = await context.key_values.set(
        scope_of(inputs),
        key_of(inputs),
        inputs["value"],
        ttl=ttl_of(inputs),
        if_version=if_version_of(inputs),
        operation=context.idempotency_key,
    )
    return Result(output_of(written))


MODULE = Module(
    name="kv.set",
    version=1,
    title="Write a key",
    manual=(
        "Writes `value`, any JSON, under a key of the workflow's own store, or with `scope: workspace` of the one "
        "that all workflows share. It expires after `ttl`. With `if_version` it is written only if the key's "
        "version is that number (0: only if there is no such key), else it fails with `kv.conflict`. The output "
        "is `{value, version, found}` after the write; a repeat of the step changes nothing more."
    ),
    kind="action",
    input_schema=object_of(
        {
            "scope": SCOPE,
            "key": KEY,
            "value": {"description": "any JSON"},
            "ttl": TTL,
            "if_version": IF_VERSION,
        },
        ["key", "value"],
    ),
    output_schema=OUTPUT,
    example=Example(
        inputs={"key": "last-order", "value": {"id": 7}}, output={"value": {"id": 7}, "version": 1, "found": True}
    ),
    effect=Effect.WRITE,
    keeps=True,
    idempotent=True,
    run=run,
)
