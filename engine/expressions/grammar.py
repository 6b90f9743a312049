"""Reading text with Jinja's lexer and parser, safely.

Jinja gives the grammar only: its tree is turned into ours at once, and no code of it ever runs on data. Its parser
recurses: some 14 Python frames for each bracket, one for each `not`, `-` or `else` in a row, a few for each open
block. The tokens are therefore gone over first, and what would need too many frames is refused: always at the same
depth, whatever the caller's stack is, since a document that was accepted must compile again in each worker.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from jinja2 import Environment, TemplateError, nodes
from jinja2.lexer import Lexer

from engine.expressions.errors import SYNTAX, ExpressionError

MAX_TEXT = 64 * 1024
"""Characters of one expression."""

MAX_TEMPLATE = 1024 * 1024
"""Characters of one template with statements."""

_MAX_FRAMES = 480
_BRACKET_FRAMES = 14
_BLOCK_FRAMES = 6
_MAX_DIGITS = 400
_WORDS = frozenset({"not", "and", "or", "in", "is", "if", "else"})

_Token: TypeAlias = tuple[int, str, str]
_BACKSLASH = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}|[\s\S])")
_ESCAPES = frozenset("\\'\"nrt\n")


class _PatternFriendlyLexer(Lexer):
    r"""Jinja's lexer, but for the backslash in strings: only `\\ \' \" \n \r \t \xhh \uhhhh \Uhhhhhhhh` are escapes.

    Any other backslash stands for itself, so that the patterns `'\d+'` and `'\bword'` and the replacement `'\1'` mean
    what they say (Python would read the last two as control characters).
    """

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[_Token]:
        for line, of, text in super().tokeniter(source, name, filename, state):
            yield line, of, _BACKSLASH.sub(_kept, text) if of == "string" else text


def _kept(match: re.Match[str]) -> str:
    escape = match[1]
    return match[0] if len(escape) > 1 or escape in _ESCAPES else "\\" + match[0]


class _Environment(Environment):
    @property
    def lexer(self) -> Lexer:  # type: ignore[override]
        return _LEXER


_ENVIRONMENT = _Environment(autoescape=False, keep_trailing_newline=True)
_LEXER = _PatternFriendlyLexer(_ENVIRONMENT)


def parse_expression(source: str) -> nodes.Expr:
    """Jinja's tree of one expression; raises `expression.syntax`."""
    if len(source) > MAX_TEXT:
        raise ExpressionError(SYNTAX, f"an expression has at most {MAX_TEXT:,} characters, this one {len(source):,}")
    if not source.strip():
        raise ExpressionError(SYNTAX, "the expression is empty")
    # The line break keeps a trailing `-` or `}` of the source from merging with the closing braces.
    text = "{{ " + source + "\n}}"
    body = _parsed(text).body
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        raise ExpressionError(SYNTAX, "this is not one expression")
    node = body[0].nodes[0]
    if isinstance(node, nodes.TemplateData):
        raise ExpressionError(SYNTAX, "this is not an expression")
    return node


def parse_template(source: str) -> Sequence[nodes.Node]:
    """Jinja's tree of a text with statements; raises `expression.syntax`."""
    if len(source) > MAX_TEMPLATE:
        raise ExpressionError(SYNTAX, f"a template has at most {MAX_TEMPLATE:,} characters")
    return _parsed(source).body


def _parsed(text: str) -> nodes.Template:
    try:
        _check(list(_ENVIRONMENT.lexer.tokeniter(text, None)))
        return _ENVIRONMENT.parse(text)
    except TemplateError as error:
        raise ExpressionError(SYNTAX, _message(error)) from None
    except (ValueError, SyntaxError):
        raise ExpressionError(SYNTAX, "a number or a string in it can't be read") from None


def _message(error: TemplateError) -> str:
    text = (error.message or "it can't be read").rstrip(".")
    return text.replace("end of print statement", "'}}'")


def _check(tokens: Sequence[_Token]) -> None:
    """Refuses text whose parse would need too many frames, and numbers that no evaluation could hold."""
    open_frames: list[int] = []  # of each open bracket, with the prefixes before it
    total = prefixes = elses = blocks = 0
    after_operand = False
    block: list[str] = []  # the tokens of the statement that is being read
    in_block = False
    for line, of, text in tokens:
        if of == "whitespace":
            continue
        if of == "block_begin":
            in_block, block = True, []
        elif of == "block_end":
            in_block = False
            blocks = max(blocks + _opens(block), 0)
        elif in_block:
            block.append(text)
        if of == "operator" and text in "([{":
            open_frames.append(_BRACKET_FRAMES + prefixes + elses)
            total += open_frames[-1]
            prefixes = elses = 0
        elif of == "operator" and text in ")]}":
            if open_frames:
                total -= open_frames.pop()
            prefixes = elses = 0
        elif of == "name" and text == "else":
            elses += 1
        elif (of == "name" and text == "not") or (of == "operator" and text in "+-" and not after_operand):
            prefixes += 1
        elif text == "," or of in ("variable_begin", "block_begin", "variable_end", "block_end"):
            prefixes = elses = 0
        else:
            prefixes = 0
        after_operand = (of in ("name", "integer", "float", "string") and text not in _WORDS) or text in ")]}"
        if total + prefixes + elses + blocks * _BLOCK_FRAMES > _MAX_FRAMES:
            raise ExpressionError(SYNTAX, f"line {line} is nested too deeply")
        if of in ("integer", "float") and len(text) > _MAX_DIGITS:
            raise ExpressionError(SYNTAX, f"a number in line {line} has too many digits")


def _opens(block: Sequence[str]) -> int:
    """1 for a statement that opens a block, -1 for one that closes it."""
    if not block:
        return 0
    word = block[0]
    if word.startswith("end"):
        return -1
    if word == "set" and "=" in block:
        return 0
    return 0 if word in ("else", "elif", "include", "import", "from", "extends") else 1
