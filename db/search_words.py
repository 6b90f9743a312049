"""The words by which runs are found: the same function makes them of data and of a question.

A word is a run of letters and digits, compatibility forms unified (NFKC), case folded; a character of a script that is written
without spaces is a word by itself. At most 2,000 different words of a run are kept, of at most 64 characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from db.json import Json

MAX_WORDS = 2_000
_MAX_LENGTH = 64
_MAX_CHARACTERS = 100_000
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_QUESTION = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+\*?")


def words_of(*values: Json) -> list[str]:
    """Different words of all texts, numbers and keys in `values`, in order of their first place."""
    found: dict[str, None] = {}
    characters = 0
    for value in values:
        for text in _texts(value):
            characters += len(text)
            for word in _split(text[:_MAX_CHARACTERS], _WORD):
                found[word] = None
                if len(found) >= MAX_WORDS:
                    return list(found)
            if characters > _MAX_CHARACTERS:
                return list(found)
    return list(found)


def question_words(question: str) -> list[str]:
    """The words that a run must hold all of; a trailing `*` asks for words that begin so."""
    return list(dict.fromkeys(_split(question, _QUESTION)))[:20]


def _split(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    for match in pattern.finditer(folded):
        yield match[0][:_MAX_LENGTH]


def _texts(value: Json) -> Iterator[str]:
    pending: list[Json] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, bool) or item is None:
            continue
        elif isinstance(item, int | float):
            yield str(item)
        elif isinstance(item, list):
            pending.extend(reversed(item))
        else:
            for key, inner in reversed(item.items()):
                pending.append(inner)
                pending.append(key)
