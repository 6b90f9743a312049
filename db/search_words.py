"""The words by which runs are found: the same function makes them of data and of a question.

A word is a run of letters and digits, compatibility forms unified (NFKC), case folded; a character of a script that is written
without spaces is a word by itself. Of each of a run's input, steps and end at most 2,000 different words are kept, of at most 64 characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from db.json import Json, dumps

MAX_WORDS = 2_000
MAX_ASKED = 20
_MAX_LENGTH = 64
_MAX_BYTES = 150_000
"""Of all words of one call: a run's words are those of five calls at most, and PostgreSQL keeps at most 1 MB of them."""
_MAX_CHARACTERS = 100_000
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_QUESTION = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+\*?")
_PLAIN = re.compile(r"[a-z0-9]+")
_ESCAPE = re.compile(r"\\.")


def words_of(*values: Json) -> list[str]:
    """Different words of all texts, numbers, keys and literals in `values`, in order of their first place."""
    found: dict[str, None] = {}
    characters = size = 0
    for value in values:
        if value is None:
            continue
        text = _text(value)
        characters += len(text)
        for word in _split(text[:_MAX_CHARACTERS]):
            if word in found:
                continue
            size += len(word) if word.isascii() else len(word.encode())
            if size > _MAX_BYTES:
                return list(found)
            found[word] = None
            if len(found) >= MAX_WORDS:
                return list(found)
        if characters > _MAX_CHARACTERS:
            break
    return list(found)


def question_words(question: str) -> list[str]:
    """The words that a run must hold all of; a trailing `*` asks for words that begin so. Empty where it holds none."""
    return list(dict.fromkeys(match[:_MAX_LENGTH] for match in _QUESTION.findall(_folded(question))))


def _split(text: str) -> Iterator[str]:
    # Most data is plain: it needs no table of characters.
    matches: list[str] = _PLAIN.findall(text.lower()) if text.isascii() else _WORD.findall(_folded(text))
    for match in matches:
        yield match[:_MAX_LENGTH]


def _text(value: Json) -> str:
    """All of it as one text. JSON text is one, as its own signs are no words: nine tenths cheaper than a walk; but for its escapes."""
    text = dumps(value)
    if "\\" not in text:
        return text
    return "\n".join(_texts([value])) if "\\u" in text else _ESCAPE.sub(" ", text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _texts(value: Json) -> Iterator[str]:
    pending: list[Json] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif item is None or isinstance(item, bool | int | float):
            yield dumps(item)
        elif isinstance(item, list):
            pending.extend(reversed(item))
        else:
            for key, inner in reversed(item.items()):
                pending.append(inner)
                pending.append(key)
