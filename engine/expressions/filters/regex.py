r"""Filters of regular expressions, by RE2: time is linear in the text, there are no back-references in patterns.

What is charged. One search costs the text's length times the size of the compiled pattern, in the worst case. All
matches of one text are linear too, unless the pattern may read far past the end of a match before it gives up
(`a(?:.*b)?` over a row of `a`): each match then costs the rest of the text. `_looks_ahead` tells the patterns that
surely don't; for the others each match is charged the rest.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Protocol, cast

import re2

from engine.expressions.budget import Budget
from engine.expressions.errors import VALUE, ExpressionError
from engine.expressions.filters.spec import Args, Filter, as_text, define
from engine.expressions.filters.text import utf8
from engine.expressions.values import Value

MAX_PATTERN = 2000
"""Characters of a pattern."""

_MAX_PROGRAM = 20_000
_MEMORY = 1 << 20
_PLACE: Final = re.compile(r"\\(?:(\d)|g<(\w+)>|(\\))", re.ASCII)
_ONE_SYMBOL: Final = re.compile(r"\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d+,\}")


class _Match(Protocol):
    def group(self, group: int = 0) -> str | None: ...
    def start(self) -> int: ...
    def end(self) -> int: ...


class _Regexp(Protocol):
    @property
    def groups(self) -> int: ...
    @property
    def groupindex(self) -> dict[str, int]: ...
    @property
    def programsize(self) -> int: ...
    def match(self, text: str) -> _Match | None: ...
    def search(self, text: str) -> _Match | None: ...
    def finditer(self, text: str) -> Iterator[_Match]: ...


class _Options(Protocol):
    max_mem: int
    log_errors: bool


class _Re2(Protocol):
    error: type[Exception]

    def Options(self) -> _Options: ...  # noqa: N802  the library's name
    def compile(self, pattern: str, options: _Options) -> _Regexp: ...


_RE2 = cast("_Re2", re2)  # the library has no types


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> _Regexp:
    if len(pattern) > MAX_PATTERN:
        raise ExpressionError(VALUE, f"a pattern has at most {MAX_PATTERN:,} characters")
    utf8(pattern)
    options = _RE2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        regexp = _RE2.compile(pattern, options)
    except _RE2.error as error:
        reason: object = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ExpressionError(VALUE, f"the pattern can't be used: {text} (RE2 syntax)") from None
    if regexp.programsize > _MAX_PROGRAM:
        raise ExpressionError(VALUE, "the pattern is too large once its repetitions are written out")
    return regexp


def _looks_ahead(pattern: str) -> bool:
    """False when nothing after a match needs to be read to know that it is one.

    So for patterns of bounded length, and for those whose only unbounded repetition is of one symbol at the very end.
    """
    symbols = _ONE_SYMBOL.sub("s", pattern)
    unbounded = list(_UNBOUNDED.finditer(symbols))
    if not unbounded:
        return False
    last = unbounded[0]
    at_end = len(unbounded) == 1 and last.end() >= len(symbols.rstrip("?"))
    return not (at_end and "|" not in symbols and symbols[: last.start()][-1:] not in (")", ""))


def _prepared(value: Value, args: Args, owner: str, budget: Budget) -> tuple[str, _Regexp]:
    text = as_text(value, owner, budget)
    pattern = args.text(0)
    budget.step(1 + len(pattern) // 8)
    regexp = _compiled(pattern)
    budget.step(_search_cost(len(utf8(text)), regexp))
    return text, regexp


def _search_cost(length: int, regexp: _Regexp) -> int:
    return 2 + (length * max(regexp.programsize, 8) >> 12)


def _regex_match(value: Value, args: Args, budget: Budget) -> Value:
    text, regexp = _prepared(value, args, "regex_match", budget)
    return regexp.match(text) is not None


def _regex_search(value: Value, args: Args, budget: Budget) -> Value:
    text, regexp = _prepared(value, args, "regex_search", budget)
    found = regexp.search(text)
    if found is None:
        return None
    budget.step(_search_cost(found.end() - found.start(), regexp) + regexp.groups)
    groups: list[Value] = [found.group(number) for number in range(1, regexp.groups + 1)]
    names = sorted(regexp.groupindex.items(), key=lambda pair: pair[1])
    named: dict[str, Value] = {name: groups[number - 1] for name, number in names}
    result: dict[str, Value] = {"match": found.group(0), "groups": groups, "named": named}
    budget.hold((result,))
    return result


def _regex_replace(value: Value, args: Args, budget: Budget) -> Value:
    text, regexp = _prepared(value, args, "regex_replace", budget)
    template = _template(args.text(1), regexp)
    most = args.count(2)
    ahead = _looks_ahead(args.text(0))
    pieces: list[str] = []
    length = end = 0
    for number, found in enumerate(regexp.finditer(text), start=1):
        rest = len(text) - found.end() if ahead else 0
        budget.step(1 + regexp.groups // 2 + (rest >> 11) + _search_cost(found.end() - found.start(), regexp) - 2)
        pieces.append(text[end : found.start()])
        pieces += [part if isinstance(part, str) else found.group(part) or "" for part in template]
        length += sum(map(len, pieces[-len(template) - 1 :]))
        budget.text(length)
        end = found.end()
        if number == most:
            break
    pieces.append(text[end:])
    budget.text(length + len(text) - end)
    return "".join(pieces)


def _template(replacement: str, regexp: _Regexp) -> list[str | int]:
    parts: list[str | int] = []
    end = 0
    for place in _PLACE.finditer(replacement):
        parts.append(replacement[end : place.start()])
        end = place.end()
        if place[3]:
            parts.append("\\")
            continue
        number = int(place[1]) if place[1] else regexp.groupindex.get(place[2], -1)
        if place[2] and place[2].isdigit() and len(place[2]) < 5:
            number = int(place[2])
        if not 0 <= number <= regexp.groups:
            raise ExpressionError(
                VALUE, f"the pattern has no group {place[1] or place[2]!r}, which the replacement uses"
            )
        parts.append(number)
    parts.append(replacement[end:])
    return [part for part in parts if part != ""]


FILTERS: Final[tuple[Filter, ...]] = (
    define("regex_match", _regex_match, "pattern"),
    define("regex_replace", _regex_replace, "pattern", "replacement", count=0),
    define("regex_search", _regex_search, "pattern"),
)
