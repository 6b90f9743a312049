"""Did you mean …? The same answer for the same names, whatever their order."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice

_MOST_CANDIDATES = 500
_LONGEST = 80
_ALIKE = 0.6


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when none is alike; equal likeness is decided by the alphabet.

    Only the first 500 candidates, and names of up to 80 characters, are looked at.
    """
    if not name or len(name) > _LONGEST:
        return None
    wanted = name.casefold()
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    best: str | None = None
    best_score = _ALIKE
    for candidate in sorted(islice(candidates, _MOST_CANDIDATES)):
        if len(candidate) > _LONGEST or candidate == name:
            continue
        matcher.set_seq1(candidate.casefold())
        if matcher.real_quick_ratio() < best_score or matcher.quick_ratio() < best_score:
            continue
        score = matcher.ratio()
        if score > best_score or (best is None and score >= best_score):
            best, best_score = candidate, score
    return best


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """A sentence for the end of an error, with a space before it; empty when no candidate is alike."""
    close = nearest(name, candidates)
    return f" Did you mean {close!r}?" if close else ""
