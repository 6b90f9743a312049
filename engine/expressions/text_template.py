"""Texts with statements, for the module `text.template`: Jinja's `if`, `for` and `set`, over one object of data.

The same closed evaluator as everywhere: the same filters, tests, budget and errors, and no more. It sees the keys of
its data and nothing else. A final line break stays, unlike with Jinja.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.expressions.budget import Budget
from engine.expressions.grammar import parse_template
from engine.expressions.statements import Page, Place, Step, compile_body, start
from engine.expressions.values import Value


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """A compiled text with statements."""

    step: Step

    def render(self, data: Mapping[str, Value], budget: Budget) -> str:
        """The text over `data`; raises ExpressionError with the `line` in its details, and NeedsData."""
        page = Page(budget)
        self.step(Place(start(data), page, budget))
        return page.text()


@lru_cache(maxsize=512)
def compile_text_template(source: str) -> TextTemplate:
    """Compiles a text; raises ExpressionError (`expression.syntax`, `expression.filter`) with the `line`."""
    return TextTemplate(compile_body(parse_template(source)))
