"""Takes secrets out of whatever is kept, shown or sent on: the one function that does so.

    redactor = Redactor(["s3cret-token"])
    redactor.text("Bearer s3cret-token")         →  "Bearer ***"
    redactor.json({"echo": "czNjcmV0LXRva2Vu"})  →  {"echo": "***"}

Which spellings of a value are met stands in `spellings.py`. Keys of objects are gone through as values are; a number is met by its
digits. Data without a secret is given back as it is, after one pass over its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Protocol, cast

import re2

from modules.sdk.json import Json
from modules.sdk.json_bytes import dumps
from workspace.secrets.spellings import LEAST, patterns

MASK: Final = "***"
_AT_ONCE = 16
"""Values that are compiled together: adding a value to many compiles the last of these groups only."""
_KEPT_GROUPS = 256
_LARGEST = 256 * 1024
"""Characters of one compiled pattern, about: RE2 refuses what is much larger."""
_MEMORY = 512 << 20


class _Match(Protocol):
    def start(self) -> int: ...
    def end(self) -> int: ...


class _Regexp(Protocol):
    def search(self, text: bytes) -> _Match | None: ...
    def finditer(self, text: bytes) -> Iterator[_Match]: ...


class _Options(Protocol):
    max_mem: int
    log_errors: bool
    longest_match: bool


class _Re2(Protocol):
    def Options(self) -> _Options: ...  # noqa: N802  the library's name
    def compile(self, pattern: str, options: _Options) -> _Regexp: ...


_RE2 = cast("_Re2", re2)  # the library has no types


class Redactor:
    """Knows some values; fixed once it is made. Values of fewer than `LEAST` characters are not looked for."""

    __slots__ = ("_patterns",)

    def __init__(self, values: Iterable[str]) -> None:
        known = [value for value in dict.fromkeys(values) if len(value.strip()) >= LEAST]
        groups = (tuple(known[at : at + _AT_ONCE]) for at in range(0, len(known), _AT_ONCE))
        self._patterns = tuple(pattern for group in groups for pattern in _compiled(group))

    def __repr__(self) -> str:
        return f"Redactor({MASK})"

    @property
    def idle(self) -> bool:
        """It knows no value: everything passes."""
        return not self._patterns

    def finds(self, data: bytes) -> bool:
        """Whether a secret stands in these bytes: text in UTF-8, or JSON as `dumps` writes it."""
        return any(one.search(data) is not None for one in self._patterns)

    def bytes(self, data: bytes) -> bytes:
        """`data` with a mask in the place of each secret."""
        spans = sorted((match.start(), match.end()) for one in self._patterns for match in one.finditer(data))
        pieces: list[bytes] = []
        end = 0
        for first, last in spans:
            if first >= end:
                pieces += (data[end:first], MASK.encode())
            end = max(end, last)
        return b"".join((*pieces, data[end:])) if spans else data

    def text(self, text: str) -> str:
        """`text` with a mask in the place of each secret."""
        if not self._patterns:
            return text
        data = text.encode("utf-8", "surrogatepass")
        if not self.finds(data):
            return text
        return self.bytes(data).decode("utf-8", "surrogatepass")

    def json(self, value: Json, data: bytes | None = None) -> Json:
        """`value` with a mask in the place of each secret; the same object where there is none.

        `data` is `dumps(value)`, for who has it at hand.
        """
        if not self._patterns or value is None or isinstance(value, bool):
            return value
        if not self.finds(dumps(value) if data is None else data):
            return value
        return self._walked(value)

    def _walked(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._walked(item) for item in value]
        if isinstance(value, dict):
            clean: dict[str, Json] = {}
            for key, item in value.items():
                name = self.text(key)
                if name != key and name in clean:
                    name = f"{name} ({len(clean) + 1})"
                clean[name] = self._walked(item)
            return clean
        if value is None or isinstance(value, bool):
            return value
        return MASK if self.finds(dumps(value)) else value


@lru_cache(maxsize=_KEPT_GROUPS)
def _compiled(values: tuple[str, ...]) -> tuple[_Regexp, ...]:
    """Runs of one workspace look for the same values: they are compiled once."""
    options = _RE2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.longest_match = True
    together: list[list[str]] = [[]]
    size = 0
    for value in values:
        for pattern in patterns(value):
            if size + len(pattern) > _LARGEST and together[-1]:
                together.append([])
                size = 0
            together[-1].append(pattern)
            size += len(pattern)
    return tuple(_RE2.compile("|".join(some), options) for some in together)
