"""How a text that can't be read is told."""

from __future__ import annotations

from modules.sdk.json import JsonObject
from modules.sdk.parse_error import ParseError
from modules.sdk.verdicts import Rejected


def invalid(form: str, what: str, line: int | None = None, column: int | None = None) -> Rejected:
    """The error `data.invalid`. Line and column count from 1."""
    return _invalid(ParseError(f"the text is not {form}: {what}", line, column))


def unreadable(error: ParseError, line: int | None = None) -> Rejected:
    """The same for what a reader said; `line` is given where the reader saw only that one line."""
    if line is None:
        return _invalid(ParseError(f"the text can't be read: {error.message}", error.line, error.column))
    return _invalid(ParseError(f"the text can't be read: {error.message}", line, error.column))


def _invalid(error: ParseError) -> Rejected:
    details: JsonObject = {}
    if error.line is not None:
        details["line"] = error.line
    if error.column is not None:
        details["column"] = error.column
    return Rejected("data.invalid", str(error), details=details)
