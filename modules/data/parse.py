"""`data.parse`: text to rows."""

from __future__ import annotations

from modules.data.formats.filed import parse_file
from modules.data.formats.options import FORMATS, PARSE_OPTIONS
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, EffectByInput, EffectOf, Example, Module, Result
from modules.sdk.json import JsonObject
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected


async def run(inputs: JsonObject, context: Context) -> Result:
    if ("file_id" in inputs) == ("text" in inputs):
        raise Rejected("input.invalid", "give `text` or `file_id`: one of them")
    if inputs["format"] == "xlsx" and "text" in inputs:
        raise Rejected("input.invalid", "a workbook is no text: give its `file_id`")
    if "file_id" in inputs:
        return Result(await parse_file(inputs, context))
    return Result(
        await context.isolated.call(
            "modules.data.formats.reading:parse", inputs, timeout=context.timeout, timeout_code="data.timeout"
        )
    )


MODULE = Module(
    name="data.parse",
    version=1,
    title="Parse",
    manual=(
        "Reads `text` as `json`, `jsonl`, `csv`, `yaml` or `xml` and gives `{rows, next, total}`: the rows from "
        "`offset` on, `limit` at most, where the next part begins (null at the end), and how many there are. Rows "
        "are the elements of a list, or the one value that the text holds; with `options.path` those at that "
        "place. CSV rows are objects of texts by column. An XML element is its text, or where it has attributes "
        "or children an object: children by name (several of a name as a list), attributes as `@name`, its text "
        "as `#text`. Text that can't be read fails with `data.invalid`, which names the line. With `file_id` the text is a file's: "
        "CSV and JSON lines of any length, part by part with `limit` rows, where `next` is the place in bytes that the following part takes "
        "as its `offset`, and `total` is null; other formats up to 16 MB. `xlsx` is read from files only: the rows of one sheet as those of "
        "CSV, with numbers and booleans as they are, dates as ISO 8601, formulas as what they last gave; `next` counts rows, and "
        "`total` is null."
    ),
    kind="action",
    input_schema=object_of(
        {
            "format": {"enum": FORMATS},
            "text": {"type": "string"},
            "file_id": {"type": "string", "description": "a file, in the place of `text`"},
            "offset": {
                "type": "integer",
                "minimum": 0,
                "default": 0,
                "description": "a row; of a csv or jsonl file what `next` gave",
            },
            "limit": {"type": "integer", "minimum": 1, "description": "all without it"},
            "options": PARSE_OPTIONS,
        },
        ["format"],
    ),
    output_schema=object_of(
        {
            "rows": {"type": "array"},
            "next": {"type": ["integer", "null"]},
            "total": {"type": ["integer", "null"], "minimum": 0},
        },
        ["rows", "next", "total"],
    ),
    example=Example(
        inputs={
            "format": "csv",
            "text": "sku;n\na;2\nb;1\nc;5\n",
            "limit": 2,
            "options": {"delimiter": ";", "infer": True},
        },
        output={"rows": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}], "next": 2, "total": 3},
    ),
    effect=EffectByInput(
        field="file_id",
        cases={"": EffectOf(Effect.NONE)},
        default=EffectOf(Effect.READ, idempotent=True),
        absent="",
    ),
    isolated=True,
    timeout=30.0,
    run=run,
)
