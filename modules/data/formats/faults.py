"""How a text that can't be read is told."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.verdicts import Rejected


def invalid(form: str, what: str, line: int | None = None, column: int | None = None) -> Rejected:
    """The error `data.invalid`. Line and column count from 1."""
    where = "" if line is None else f" (line {line})" if column is None else f" (line {line}, column {column})"
    details: JsonObject = {}
    if line is not None:
        details["line"] = line
    if column is not None:
        details["column"] = column
    return Rejected("data.invalid", f"the text is not {form}: {what}{where}", details=details)
