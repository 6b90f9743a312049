"""`kv.increment`: counts."""

from __future__ import annotations

from modules.kv.keys.inputs import KEY, OUTPUT, SCOPE, TTL, key_of, number_of, output_of, scope_of, ttl_of
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    counted = await context.key_values.increment(
        scope_of(inputs), key_of(inputs), number_of(inputs), ttl=ttl_of(inputs), operation=context.idempotency_key
    )
    return Result(output_of(counted))


MODULE = Module(
    name="kv.increment",
    version=1,
    title="Increment a key",
    manual=(
        "Adds `value` (1; it may be negative) to the number under a key of the workflow's own store, or with "
        "`scope: workspace` of the one that all workflows share, in one act; a key that isn't there begins at 0. "
        "A value that is no number fails with `kv.type`. The output is `{value, version, found}` after it; a "
        "repeat of the step counts once."
    ),
    kind="action",
    input_schema=object_of(
        {
            "scope": SCOPE,
            "key": KEY,
            "value": {"type": "number", "default": 1, "description": "what to add"},
            "ttl": TTL,
        },
        ["key"],
    ),
    output_schema=OUTPUT,
    example=Example(inputs={"key": "orders", "value": 2}, output={"value": 2, "version": 1, "found": True}),
    effect=Effect.WRITE,
    keeps=True,
    idempotent=True,
    run=run,
)
