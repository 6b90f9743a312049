"""What the readers of text say when they can't read it."""

from __future__ import annotations


class ParseError(ValueError):
    """The text is not a value. `line` and `column` count from 1, where they are known.

    The message is for people. It never repeats data, which may be nobody's to see in a log; names (tags, anchors, keys) it may.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        where = "" if line is None else f" (line {line})" if column is None else f" (line {line}, column {column})"
        super().__init__(f"{message}{where}")
        self.message = message
        self.line = line
        self.column = column
