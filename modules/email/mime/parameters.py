"""`Content-Type` and `Content-Disposition`: a word, and parameters, also those in pieces and charsets of their own (RFC 2231)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from modules.email.mime.charsets import clean, text_of
from modules.email.mime.words import words

_PARAMETER = re.compile(
    r';\s*([^\s=;"*]{1,100})(\*[0-9]{1,3})?(\*)?\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))', re.DOTALL
)
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Worded:
    """`word` in lower case, without its parameters."""

    word: str
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def worded(value: bytes | None) -> Worded:
    text = text_of((value or b"")[:_LONGEST], None)
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, number, encoded, quoted, bare in _PARAMETER.findall(text):
        given = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
        pieces.setdefault(name.lower(), []).append((int(number[1:]) if number else -1, bool(encoded), given))
    return Worded(text.partition(";")[0].strip().lower(), {name: _joined(found) for name, found in pieces.items()})


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    """The one with a charset goes before the bare one; pieces stand in the order of their numbers."""
    whole = sorted((one for one in pieces if one[0] < 0), key=lambda one: not one[1])
    chosen = whole[:1] or sorted(pieces, key=lambda one: one[0])
    if not any(encoded for _, encoded, _ in chosen):
        return clean(words("".join(text for _, _, text in chosen)))
    data, charset = b"", None
    for place, (_, encoded, text) in enumerate(chosen):
        if place == 0 and encoded and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        data += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return text_of(data, charset)
