"""`postgres.query`: one statement on the database of the step's connection."""

from __future__ import annotations

from modules.sdk.context import Context, SqlMode
from modules.sdk.declaration import Effect, EffectByInput, EffectOf, Example, Module, Result, RetryDefaults
from modules.sdk.json import Json, JsonObject
from modules.sdk.schema import duration, object_of, seconds
from modules.sdk.verdicts import Rejected

_MODES: dict[Json, SqlMode] = {"one": "one", "execute": "execute"}


async def run(inputs: JsonObject, context: Context) -> Result:
    """Raises ModuleError: `input.invalid`, and what `Sql` raises."""
    mode = _MODES.get(inputs.get("mode"), "all")
    writes = mode == "execute"
    read_only = inputs.get("read_only", not writes) is True
    if not read_only and not writes:
        raise Rejected(
            "input.invalid",
            "only `mode: execute` may write: it gives rows too, as of `insert … returning`; or leave out `read_only`",
        )
    params, most, limit = inputs.get("params"), inputs.get("max_rows", 1000), inputs.get("timeout")
    result = await context.sql.query(
        str(inputs["sql"]),
        params if isinstance(params, list) else [],
        mode=mode,
        read_only=read_only,
        timeout=context.timeout if limit is None else min(seconds(limit), context.timeout),
        max_rows=int(most) if isinstance(most, int | float) else 1000,
    )
    rows: list[Json] = list(result.rows)
    return Result({"rows": rows, "row": rows[0] if rows else None, "count": result.count})


MODULE = Module(
    name="postgres.query",
    version=1,
    title="Query PostgreSQL",
    manual=(
        "Runs one SQL statement on the PostgreSQL database of the step's `connection` and gives `{rows, row, count}`: the rows as "
        "objects, the first one, and how many were read or changed. `sql` is taken as it stands: values come by `params`, as `$1`, "
        "`$2`, …, and are never put into the text. `mode: all` (the default) and `mode: one` only read, in a read-only transaction; "
        "`mode: execute` may write, in a transaction of its own, and isn't repeated by itself. More than `max_rows` rows are an "
        "error, and nothing is changed then. The server ends a statement after `timeout`. Times come as RFC 3339 in UTC, `bytea` as base64, "
        "`numeric` as a number where that loses no digit, else as text."
    ),
    kind="action",
    input_schema=object_of(
        {
            "sql": {
                "type": "string",
                "minLength": 1,
                "maxLength": 100_000,
                "x-eval": "raw",
                "description": "one statement; parameters are `$1`, `$2`, …",
            },
            "params": {
                "type": "array",
                "maxItems": 1000,
                "items": {},
                "description": "the values of `$1`, `$2`, … in order",
                "default": [],
            },
            "mode": {"enum": ["all", "one", "execute"], "default": "all"},
            "read_only": {
                "type": "boolean",
                "description": "the server refuses to write; true unless `mode` is `execute`",
            },
            "timeout": duration("of the statement; at most the step's own time limit, which is the default"),
            "max_rows": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000},
        },
        ["sql"],
    ),
    output_schema=object_of(
        {
            "rows": {"type": "array", "items": {"type": "object"}},
            "row": {"anyOf": [{"type": "object"}, {"type": "null"}], "description": "the first row"},
            "count": {"type": "integer", "minimum": 0, "description": "rows that were read or changed"},
        },
        ["rows", "row", "count"],
    ),
    example=Example(
        inputs={"sql": "select id, total from orders where customer = $1", "params": ["c-17"]},
        output={"rows": [{"id": 7, "total": 12.5}], "row": {"id": 7, "total": 12.5}, "count": 1},
        runnable=False,
    ),
    effect=EffectByInput(
        field="mode",
        cases={"ALL": EffectOf(Effect.READ, idempotent=True), "ONE": EffectOf(Effect.READ, idempotent=True)},
        default=EffectOf(Effect.WRITE),
        absent="all",
    ),
    timeout=30.0,
    retry=RetryDefaults(on=("postgres.connect",)),
    run=run,
)
