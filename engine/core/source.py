"""A value of the document, compiled, with what it reads of the scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.needs import Needs, needs_of
from engine.expressions.budget import Budget
from engine.expressions.template import Template, compile_value
from engine.expressions.values import Json, Value


@dataclass(frozen=True, slots=True)
class Source:
    """`value` is as written; `needs` what `template` reads."""

    value: Json
    template: Template
    needs: Needs

    def render(self, scope: Mapping[str, Value]) -> Value:
        """Raises ExpressionError, NeedsData."""
        return self.template.render(scope, Budget())


def compile_source(value: Json) -> Source:
    """Raises ExpressionError; a validated document's values don't."""
    template = compile_value(value)
    return Source(value, template, needs_of(template.references))
