"""What others wrote, on its way to the model: capped, with what looks like a secret taken out, and marked with where it comes from.

    {"data": …, "source": "run log"}

The rule of the tools: whatever stems from documents, logs, mails, bodies, names or the pages of modules stands below
such a mark, and only there. What a tool says itself beside it (numbers, hashes, what to do next) is fixed text.
Instructions that hide in a name are data like any other.

A value that is too large is cut where it is long rather than refused: texts by characters, lists and objects by members, each with a word about
what is missing, so that the model knows to ask for a part.
"""

from __future__ import annotations

from typing import Final

from copilot.tools.secret_texts import hidden
from engine.expressions.values import Json
from modules.sdk.json_bytes import dumps

MOST: Final = 16_000
"""Bytes of one marked value, unless a tool says otherwise: about 4,000 tokens."""
_DEEPEST = 16


def marked(data: Json, source: str, most: int = MOST) -> dict[str, Json]:
    """`{"data", "source"}`: `data` has at most `most` bytes as JSON."""
    return {"data": capped(hidden(data), most), "source": source}


def capped(value: Json, most: int) -> Json:
    """The value, or what of it goes into `most` bytes (at least 64) of JSON."""
    if _size(value) <= most:
        return value
    for text, members in ((4_000, 200), (1_000, 80), (400, 40), (160, 20), (80, 8), (40, 4)):
        cut = _cut(value, text, members, _DEEPEST)
        if _size(cut) <= most:
            return cut
    return f"(left out: {_size(value):,} bytes)"


def shortened(text: str, most: int) -> str:
    """The text, or its beginning with the number of characters that are missing."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def _cut(value: Json, text: int, members: int, depth: int) -> Json:
    if isinstance(value, str):
        return shortened(value, text)
    if isinstance(value, list | dict) and depth == 0:
        return f"(deeper: {len(value):,} members)"
    if isinstance(value, list):
        kept: list[Json] = [_cut(item, text, members, depth - 1) for item in value[:members]]
        return kept if len(value) <= members else [*kept, f"… ({len(value) - members:,} more)"]
    if isinstance(value, dict):
        names = list(value)
        some = {shortened(name, text): _cut(value[name], text, members, depth - 1) for name in names[:members]}
        return some if len(names) <= members else {**some, "…": f"({len(names) - members:,} more)"}
    return value


def _size(value: Json) -> int:
    return len(dumps(value))
