"""`data.format`: rows to text."""

from __future__ import annotations

from modules.data.formats.options import FORMAT_OPTIONS, FORMATS
from modules.sdk.context import Context
from modules.sdk.declaration import Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of


async def run(inputs: JsonObject, context: Context) -> Result:
    return Result(
        await context.isolated.call(
            "modules.data.formats.writing:write", inputs, timeout=context.timeout, timeout_code="data.timeout"
        )
    )


MODULE = Module(
    name="data.format",
    version=1,
    title="Format",
    manual=(
        "Writes `rows` as `json` (a list), `jsonl` (one a line), `csv`, `yaml` or `xml` and gives `{text}`, which "
        "`data.parse` reads back. CSV takes objects (or lists, with `header: false`); its columns are "
        "`options.columns`, else all keys in the order in which they first appear; null is an empty cell, objects "
        "and lists are JSON in their cell. XML takes one row that is the whole document, an object with one key, "
        "or several rows, which become `<rows><row>…</row></rows>`."
    ),
    kind="action",
    input_schema=object_of(
        {
            "format": {"enum": FORMATS},
            "rows": {"type": "array", "description": "what to write"},
            "options": FORMAT_OPTIONS,
        },
        ["format", "rows"],
    ),
    output_schema=object_of({"text": {"type": "string"}}, ["text"]),
    example=Example(
        inputs={"format": "csv", "rows": [{"sku": "a", "n": 2}, {"sku": "b", "n": None}]},
        output={"text": "sku,n\na,2\nb,\n"},
    ),
    isolated=True,
    timeout=30.0,
    run=run,
)
