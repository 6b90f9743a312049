"""`data.format`: rows to text, or to a file."""

from __future__ import annotations

from modules.data.formats.filed import PIECEWISE
from modules.data.formats.filing import format_file
from modules.data.formats.options import FORMAT_OPTIONS, FORMATS, PARSE_OPTIONS
from modules.sdk.context import Context
from modules.sdk.declaration import Effect, EffectByInput, EffectOf, Example, Module, Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.new_file import EXPIRES_IN, NAME, TAGS
from modules.sdk.schema import object_of
from modules.sdk.verdicts import Rejected


async def run(inputs: JsonObject, context: Context) -> Result:
    if ("rows" in inputs) == ("rows_from" in inputs):
        raise Rejected("input.invalid", "give `rows` or `rows_from`: one of them")
    if "file" in inputs:
        return Result(await format_file(inputs, context))
    if inputs["format"] == "xlsx" or "rows_from" in inputs:
        raise Rejected("input.invalid", "a workbook, and rows of files, become a file: say in `file` what it is called")
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
        "or several rows, which become `<rows><row>…</row></rows>`. With `file` it writes a file and gives `{file_id, file}`; "
        "a workbook of one sheet (`xlsx`), whose rows are those of CSV, is always a file. `rows_from` "
        "takes the rows of CSV or JSON lines files of any length, one file after the other, in the place of `rows`, and writes one CSV or "
        "JSON lines file of them. A repeat of the step gives the same file."
    ),
    kind="action",
    input_schema=object_of(
        {
            "format": {"enum": FORMATS},
            "rows": {"type": "array", "description": "what to write"},
            "rows_from": object_of(
                {
                    "format": {"enum": list[Json](PIECEWISE)},
                    "file_ids": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 10_000},
                    "options": PARSE_OPTIONS,
                },
                ["format", "file_ids"],
                description="files whose rows are written, in the place of `rows`; with `file`, and as csv or jsonl",
            ),
            "options": FORMAT_OPTIONS,
            "file": object_of(
                {
                    "name": NAME,
                    "mime_type": {"type": "string", "description": "the format tells it unless given"},
                    "tags": TAGS,
                    "expires_in": EXPIRES_IN,
                },
                ["name"],
                description="write a file of this name, in the place of `text`",
            ),
        },
        ["format"],
    ),
    output_schema=object_of(
        {
            "text": {"type": "string"},
            "file_id": {"type": "string", "description": "with `file`, in the place of `text`"},
            "file": {"type": "object", "description": "what that file is"},
        }
    ),
    example=Example(
        inputs={"format": "csv", "rows": [{"sku": "a", "n": 2}, {"sku": "b", "n": None}]},
        output={"text": "sku,n\na,2\nb,\n"},
    ),
    effect=EffectByInput(
        field="file",
        cases={"": EffectOf(Effect.NONE)},
        default=EffectOf(Effect.WRITE, idempotent=True),
        absent="",
    ),
    isolated=True,
    keeps=True,
    timeout=30.0,
    run=run,
)
