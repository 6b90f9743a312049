"""Which texts are about a question: Okapi BM25 over words, small and exact, without an index on disk.

    score(q, d) = Σ idf(w) · tf·(k+1) / (tf + k·(1 − b + b·|d|/avg)),  idf(w) = ln(1 + (N − n + ½)/(n + ½))

(Robertson and Zaragoza, *The Probabilistic Relevance Framework*, 2009; k = 1.2, b = 0.75.) A word of the question counts for each word of a text
that begins as it does once its ending is off, so `retries` finds `retry`. Equal scores keep the order of the texts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

_K: Final = 1.2
_B: Final = 0.75
_WORD = re.compile(r"[a-z0-9]+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "s", "y", "e")
_STOP = frozenset(
    "a an and are as at be by can do does for from how i in is it its my of on or that the this to what when where which with you".split()  # noqa: SIM905
)
_MOST_WORDS = 40


class Ranking:
    """Texts that don't change, ready to be asked."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(words(text)) for text in texts]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._average = max(1.0, sum(self._lengths) / max(1, len(texts)))
        self._holding = Counter(word for counts in self._counts for word in counts)

    def best(self, question: str, most: int) -> list[int]:
        """The places of the texts that have a word of it, the best first."""
        asked = list(dict.fromkeys(words(question)))[:_MOST_WORDS]
        scored = [(self._score(place, asked), -place) for place in range(len(self._counts))]
        return [-place for score, place in sorted(scored, reverse=True)[:most] if score > 0]

    def _score(self, place: int, asked: Sequence[str]) -> float:
        counts, total = self._counts[place], len(self._counts)
        norm = _K * (1 - _B + _B * self._lengths[place] / self._average)
        score = 0.0
        for word in asked:
            often = counts[word]
            if often:
                holding = self._holding[word]
                score += math.log(1 + (total - holding + 0.5) / (holding + 0.5)) * often * (_K + 1) / (often + norm)
        return score


def words(text: str) -> list[str]:
    """The words that are compared: lower case, without endings and without those that say nothing."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
