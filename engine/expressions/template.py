"""Values of a document with expressions in their strings, compiled once and rendered for each run.

    "{{ x }}"            exactly one expression, nothing around it: the value with its type
    "a {{ x }} b"        mixed text: strings as they are, null empty, all else compact JSON
    {"$literal": …}      what is below is data: it stands for itself, whatever braces it holds

`{{-` and `-}}` take the blanks beside them away, as Jinja has it. Only `{{` begins an expression; `{%`, `{#` and `}}`
are text. Keys of objects are never parsed.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeAlias, assert_never

from engine.expressions.budget import Budget
from engine.expressions.compiler import Frame, Get, compile_used
from engine.expressions.convert import read_expression
from engine.expressions.errors import SYNTAX, ExpressionError
from engine.expressions.references import Reference
from engine.expressions.text_of import text_of
from engine.expressions.tracing import references_of
from engine.expressions.values import Json, Value, as_value

LITERAL: Final = "$literal"
MAX_VALUE_DEPTH: Final = 200
_CACHE = 2048

_INSIDE: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[\]{}()'"]""", re.DOTALL)
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression, or a text with expressions in it."""

    source: str
    references: tuple[Reference, ...]
    get: Get
    pieces: "tuple[str | Expression, ...]" = ()
    """Of a text with expressions in it."""

    def evaluate(self, scope: Mapping[str, Value], budget: Budget) -> Value:
        """The value over `scope`; raises ExpressionError, NeedsData."""
        try:
            return self.get(Frame(scope, budget))
        except ExpressionError as error:
            shown = self.source if len(self.source) <= _SHOWN else self.source[:_SHOWN] + "…"
            raise error.located({"expression": shown}) from None


@dataclass(frozen=True, slots=True)
class _Fixed:
    value: Value


@dataclass(frozen=True, slots=True)
class _Computed:
    expression: Expression
    pointer: str


@dataclass(frozen=True, slots=True)
class _Items:
    items: "tuple[_Part, ...]"


@dataclass(frozen=True, slots=True)
class _Members:
    members: "tuple[tuple[str, _Part], ...]"


_Part: TypeAlias = _Fixed | _Computed | _Items | _Members


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled value. `constant`: it reads nothing of the scope."""

    part: _Part
    references: tuple[Reference, ...]

    @property
    def constant(self) -> bool:
        """True when it renders to the same whatever the scope is."""
        return not self.references

    def render(self, scope: Mapping[str, Value], budget: Budget) -> Value:
        """The value over `scope`, sharing structure with it.

        Raises ExpressionError, with the `pointer` of the string in its details, and NeedsData.
        """
        return _rendered(self.part, scope, budget)


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that secrets went into. `shown` is the same with masks where an expression read one, whatever it made of it;
    `made` are the values of these expressions."""

    value: Value
    shown: Value
    made: tuple[Value, ...]


def render_hiding(
    template: Template, scope: Mapping[str, Value], budget: Budget, secrets: Container[str], mask: str
) -> Hidden:
    """Renders a value over a scope in which the variables of these names are secrets. Raises as `Template.render`."""
    made: list[Value] = []

    def masked(part: _Part) -> tuple[Value, Value]:
        match part:
            case _Fixed():
                return part.value, part.value
            case _Items():
                pairs = [masked(item) for item in part.items]
                return [value for value, _ in pairs], [shown for _, shown in pairs]
            case _Members():
                members = {key: masked(item) for key, item in part.members}
                return (
                    {key: value for key, (value, _) in members.items()},
                    {key: shown for key, (_, shown) in members.items()},
                )
            case _Computed():
                value = _rendered(part, scope, budget)
                expression = part.expression
                if not _reads(expression, secrets):
                    return value, value
                if not expression.pieces:
                    made.append(value)
                    return value, mask
                texts: list[str] = []
                for piece in expression.pieces:
                    if isinstance(piece, str):
                        texts.append(piece)
                        continue
                    inner = piece.evaluate(scope, budget)
                    if _reads(piece, secrets):
                        made.append(inner)
                        texts.append(mask)
                    else:
                        texts.append(text_of(inner, budget))
                return value, "".join(texts)
        assert_never(part)

    value, shown = masked(template.part)
    return Hidden(value, shown, tuple(made))


def _reads(expression: Expression, secrets: Container[str]) -> bool:
    return any(
        reference.path[0] == "vars" and (len(reference.path) < 2 or str(reference.path[1]) in secrets)
        for reference in expression.references
    )


def compile_value(value: Json) -> Template:
    """A value of a document; raises ExpressionError with the `pointer` of the string that can't be compiled."""
    references: list[Reference] = []
    return Template(_compiled(value, "", references, 0), tuple(references))


def compile_expression(source: str) -> Expression:
    """One bare expression, as it stands inside `{{ }}`."""
    node = read_expression(source)
    return Expression(source, tuple(references_of(node, "")), compile_used(node))


def compile_text(source: str) -> Expression:
    """A text with `{{ }}` in it as in a document, or else a bare expression."""
    return _text(source) if "{{" in source else compile_expression(source)


def _compiled(value: Json, pointer: str, references: list[Reference], depth: int) -> _Part:
    if depth > MAX_VALUE_DEPTH:
        raise ExpressionError(SYNTAX, f"the value is nested deeper than {MAX_VALUE_DEPTH} levels", {"pointer": pointer})
    if type(value) is str:
        if "{{" not in value:
            return _Fixed(as_value(value))
        try:
            expression = _text(value)
        except ExpressionError as error:
            raise error.located({"pointer": pointer}) from None
        references += [replace(reference, pointer=pointer) for reference in expression.references]
        return _Computed(expression, pointer)
    if type(value) is list:
        items = tuple(_compiled(item, f"{pointer}/{at}", references, depth + 1) for at, item in enumerate(value))
        if all(isinstance(part, _Fixed) and part.value is item for part, item in zip(items, value, strict=True)):
            return _Fixed(as_value(value))
        return _Items(items)
    if type(value) is dict:
        if LITERAL in value:
            if len(value) > 1:
                raise ExpressionError(SYNTAX, f"{LITERAL!r} must be the only key of its object", {"pointer": pointer})
            return _Fixed(as_value(value[LITERAL]))
        members = tuple(
            (key, _compiled(item, f"{pointer}/{_escaped(key)}", references, depth + 1)) for key, item in value.items()
        )
        if all(isinstance(part, _Fixed) and part.value is value[key] for key, part in members):
            return _Fixed(as_value(value))
        return _Members(members)
    return _Fixed(as_value(value))


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _rendered(part: _Part, scope: Mapping[str, Value], budget: Budget) -> Value:
    match part:
        case _Fixed():
            return part.value
        case _Items():
            return [_rendered(item, scope, budget) for item in part.items]
        case _Members():
            return {key: _rendered(item, scope, budget) for key, item in part.members}
        case _Computed():
            try:
                return part.expression.evaluate(scope, budget)
            except ExpressionError as error:
                raise error.located({"pointer": part.pointer}) from None
    assert_never(part)


@lru_cache(maxsize=_CACHE)
@lru_cache(maxsize=_CACHE)
def _text(source: str) -> Expression:
    pieces = _split(source)
    if len(pieces) == 1 and isinstance(pieces[0], Expression):
        return Expression(source, pieces[0].references, pieces[0].get)
    references = tuple(each for piece in pieces if isinstance(piece, Expression) for each in piece.references)

    def get(frame: Frame) -> Value:
        budget = frame.budget
        parts = [piece if isinstance(piece, str) else text_of(piece.get(frame), budget) for piece in pieces]
        budget.text(sum(map(len, parts)))
        return "".join(parts)

    return Expression(source, references, get, tuple(pieces))


def _split(source: str) -> list[str | Expression]:
    """Text and expressions in turn, empty text left out."""
    pieces: list[str | Expression] = []
    end = 0
    strip_next = False
    while True:
        start = source.find("{{", end)
        text = source[end:] if start < 0 else source[end:start]
        if strip_next:
            text = text.lstrip()
        if start < 0:
            if text:
                pieces.append(text)
            return pieces
        inner, end = _inner(source, start)
        strip_before, inner, strip_next = _trimmed(inner)
        if strip_before:
            text = text.rstrip()
        if text:
            pieces.append(text)
        pieces.append(compile_expression(inner.strip()))


def _trimmed(inner: str) -> tuple[bool, str, bool]:
    """Whether `{{-` stands before, the expression itself, and whether `-}}` stands after."""
    before = inner.startswith("-")
    if before and inner[1:2].isalnum():
        raise ExpressionError(
            SYNTAX, "'{{-' takes blanks away: write '{{ -1 }}' for a negative value, '{{- x }}' to take blanks away"
        )
    if before or inner.startswith("+"):
        inner = inner[1:]
    after = inner.endswith("-")
    return before, inner[:-1] if after or inner.endswith("+") else inner, after


def _inner(source: str, start: int) -> tuple[str, int]:
    """What stands between the braces that open at `start`, and where the text goes on."""
    position = start + 2
    closers: list[str] = []
    close = -2  # not looked for yet; -1: there is none
    while True:
        if not closers and -1 != close < position:
            close = source.find("}}", position)
        match = _INSIDE.search(source, position)
        if not closers and close >= 0 and (match is None or match.start() >= close):
            return source[start + 2 : close], close + 2
        if match is None:
            raise ExpressionError(SYNTAX, f"the '{{{{' at character {start + 1} is never closed by '}}}}'")
        mark = match[0]
        if mark in "'\"":
            raise ExpressionError(SYNTAX, f"a string in the expression at character {start + 1} is never closed")
        if mark in "([{":
            closers.append({"(": ")", "[": "]", "{": "}"}[mark])
        elif mark in ")]}" and (not closers or closers.pop() != mark):
            raise ExpressionError(SYNTAX, f"unexpected {mark!r} in the expression at character {start + 1}")
        position = match.end()
