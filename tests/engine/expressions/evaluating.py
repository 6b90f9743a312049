"""One way to evaluate for the tests of this folder."""

from typing import Any

import pytest

from engine.expressions.budget import Budget
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_expression


def evaluate(source: str, **scope: Any) -> Any:
    """The value of a bare expression."""
    return compile_expression(source).evaluate(scope, Budget())


def failure(source: str, **scope: Any) -> ExpressionError:
    """The error that it ends in."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(source, **scope)
    return caught.value
