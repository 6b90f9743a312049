"""Filters of text, each as Jinja has it."""

import re
from typing import Final
from urllib.parse import quote_from_bytes

from engine.expressions.access import find_path, path_of
from engine.expressions.budget import Budget
from engine.expressions.errors import TYPE, VALUE, ExpressionError
from engine.expressions.filters.spec import Args, Filter, as_items, as_text, define, plain
from engine.expressions.text_of import text_of
from engine.expressions.undefined import used
from engine.expressions.values import Value, kind

_WORD: Final = re.compile(r"\w+")
_WORD_BEGINNING: Final = re.compile(r"([-\s({\[<]+)")


def utf8(text: str) -> bytes:
    """The bytes of a text; half a surrogate pair has none and is `expression.value`."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ExpressionError(VALUE, "the text holds half a surrogate pair, which has no bytes in UTF-8") from None


def _capitalize(value: Value, _: Args, budget: Budget) -> Value:
    return as_text(value, "capitalize", budget).capitalize()


def _indent(value: Value, args: Args, budget: Budget) -> Value:
    text = as_text(value, "indent", budget)
    width = args.value(0)
    pad = width if type(width) is str else " " * args.count(0)
    first, blank = args.flag(1), args.flag(2)
    lines = (text + "\n").splitlines()
    budget.text(len(text) + len(pad) * len(lines))
    rest = [pad + line if line or blank else line for line in lines[1:]]
    result = "\n".join([lines[0], *rest])
    return pad + result if first else result


def _lower(value: Value, _: Args, budget: Budget) -> Value:
    return as_text(value, "lower", budget).lower()


def _replace(value: Value, args: Args, budget: Budget) -> Value:
    text = as_text(value, "replace", budget)
    old, new = text_of(args.value(0), budget), text_of(args.value(1), budget)
    limit = -1 if args.value(2) is None else min(args.integer(2), len(text) + 1)
    found = text.count(old) if limit < 0 else min(text.count(old), limit)
    budget.text(len(text) + found * (len(new) - len(old)))
    return text.replace(old, new, max(limit, -1))


def _string(value: Value, _: Args, budget: Budget) -> Value:
    text = text_of(plain(value), budget)
    budget.text(len(text))
    return text


def _title(value: Value, _: Args, budget: Budget) -> Value:
    parts = _WORD_BEGINNING.split(as_text(value, "title", budget))
    budget.items(len(parts))
    return "".join(part[0].upper() + part[1:].lower() for part in parts if part)


def _trim(value: Value, args: Args, budget: Budget) -> Value:
    text = as_text(value, "trim", budget)
    if args.value(0) is None:
        return text.strip()
    chars = args.text(0)
    if len(chars) > 1000:
        raise ExpressionError(VALUE, "'chars' of 'trim' has at most 1,000 characters")
    budget.step(len(text) * len(chars) >> 12)
    return text.strip(chars)


def _truncate(value: Value, args: Args, budget: Budget) -> Value:
    text = as_text(value, "truncate", budget)
    length, kill, end = args.count(0), args.flag(1), args.text(2)
    leeway = args.count(3)
    if length < len(end):
        raise ExpressionError(VALUE, f"'length' of 'truncate' must be at least {len(end)}, the length of its 'end'")
    if len(text) <= length + leeway:
        return text
    kept = text[: length - len(end)]
    return (kept if kill else kept.rsplit(" ", 1)[0]) + end


def _upper(value: Value, _: Args, budget: Budget) -> Value:
    return as_text(value, "upper", budget).upper()


def _urlencode(value: Value, _: Args, budget: Budget) -> Value:
    value = plain(value)
    if type(value) is dict:
        pairs: list[tuple[Value, Value]] = [(key, item) for key, item in value.items()]
    elif type(value) is list:
        pairs = []
        for pair in value:
            if type(pair) is not list or len(pair) != 2:
                raise ExpressionError(TYPE, "'urlencode' needs a string, an object or a list of [key, value] pairs")
            pairs.append((pair[0], pair[1]))
    elif value is None:
        raise ExpressionError(TYPE, f"'urlencode' needs a string, an object or a list of pairs, not {kind(value)}")
    else:
        return _quoted(text_of(value, budget), budget)
    budget.items(len(pairs))
    return "&".join(
        f"{_quoted(text_of(k, budget), budget, True)}={_quoted(text_of(v, budget), budget, True)}" for k, v in pairs
    )


def _quoted(text: str, budget: Budget, query: bool = False) -> str:
    budget.text(len(text) * 3)
    quoted = quote_from_bytes(utf8(text), safe=b"" if query else b"/")
    return quoted.replace("%20", "+") if query else quoted


def _wordcount(value: Value, _: Args, budget: Budget) -> Value:
    text = as_text(value, "wordcount", budget)
    count = sum(1 for _ in _WORD.finditer(text))
    budget.items(count)
    return count


def _join(value: Value, args: Args, budget: Budget) -> Value:
    items = as_items(value, "join", budget)
    separator = text_of(args.value(0), budget)
    if args.value(1) is not None:
        path = path_of(args.value(1))
        items = [used(find_path(item, path)) for item in items]
    parts = [text_of(item, budget) for item in items]
    budget.text(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


FILTERS: Final[tuple[Filter, ...]] = (
    define("capitalize", _capitalize),
    define("indent", _indent, width=4, first=False, blank=False),
    define("join", _join, d="", attribute=None),
    define("lower", _lower),
    define("replace", _replace, "old", "new", count=None),
    define("string", _string),
    define("title", _title),
    define("trim", _trim, chars=None),
    define("truncate", _truncate, length=255, killwords=False, end="...", leeway=5),
    define("upper", _upper),
    define("urlencode", _urlencode),
    define("wordcount", _wordcount),
)
