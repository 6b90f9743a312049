"""What is wrong with a request's body, gathered, so that a caller learns of all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterable

from engine.expressions.nearest import nearest
from engine.expressions.values import Json
from engine.problems import Invalid

_MOST = 100
"""Mistakes that are told; a body may have 10,000 items that are all wrong in the same way."""


class Mistakes:
    """In the order in which they were found."""

    def __init__(self) -> None:
        self._found: list[Json] = []
        self._first: str | None = None

    def add(self, path: str, message: str, hint: str | None = None) -> None:
        """`path` is a JSON Pointer into the body; `message` has no full stop."""
        if self._first is None:
            self._first = f"The request is not valid at {path or '/'}: {message}."
        if len(self._found) < _MOST:
            self._found.append(
                {"code": "request.invalid", "path": path, "message": message, "hint": hint, "severity": "error"}
            )

    def unknown(self, path: str, given: Iterable[str], known: Iterable[str]) -> None:
        """One for each of `given` that isn't `known`."""
        names = sorted(known)
        for name in given:
            if name not in names:
                near = nearest(name, names)
                hint = f"did you mean {near!r}?" if near else f"known here: {', '.join(names)}"
                pointer = name[:80].replace("~", "~0").replace("/", "~1")
                self.add(f"{path}/{pointer}", f"{name[:80]!r} is not known here", hint)

    def check(self) -> None:
        """Raises `Invalid` 422 `request.invalid` when there are any."""
        if self._first is not None:
            raise Invalid("request.invalid", self._first, extra={"findings": self._found})
