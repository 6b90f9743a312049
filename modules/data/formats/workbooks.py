"""Workbooks in the isolated pool, to which bytes go as base64."""

from __future__ import annotations

import base64

from modules.data.formats.options import options_of
from modules.sdk.isolated import isolated
from modules.sdk.json import Json, JsonObject


@isolated
def parse_workbook(argument: JsonObject) -> Json:
    """`{format, content, offset, limit, options}` → `{rows, next, total}`; offset and `next` count rows. Raises what `xlsx.read` does."""
    from modules.data.formats import xlsx

    offset, limit = argument.get("offset"), argument.get("limit")
    return xlsx.read(
        base64.b64decode(str(argument["content"])),
        options_of(argument),
        int(offset) if isinstance(offset, (int, float)) else 0,
        int(limit) if isinstance(limit, (int, float)) else None,
    )


@isolated
def write_workbook(argument: JsonObject) -> Json:
    """`{format, rows, options}` → `{content}`. Raises what `xlsx.write` does."""
    from modules.data.formats import xlsx

    rows = argument["rows"]
    made = xlsx.write(rows if isinstance(rows, list) else [], options_of(argument))
    return {"content": base64.b64encode(made).decode()}
