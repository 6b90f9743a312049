"""What can end an evaluation other than a value.

    ExpressionError            the author or the data is wrong: shown to people, never retried
      expression.syntax        the text can't be read, or uses what expressions don't have (calls, macros)
      expression.filter        an unknown filter or test, or arguments that it doesn't take
      expression.undefined     a missing name, key or item was used
      expression.type          an operation on values that it has no meaning for
      expression.value         the right type, a wrong value: division by zero, a bad pattern, text that isn't a number
      expression.budget        too many steps, or a result that is too large
    NeedsData                  not an error: the evaluation must be made where the data is

Messages name keys, types and positions, never the data's values, which may be secret.
"""

from engine.expressions.values import Json, Ref

UNDEFINED = "expression.undefined"
TYPE = "expression.type"
BUDGET = "expression.budget"
SYNTAX = "expression.syntax"
FILTER = "expression.filter"
VALUE = "expression.value"


class ExpressionError(Exception):
    """An expression that can't be compiled or evaluated.

    `details` may hold `pointer` (a JSON Pointer inside the value that was compiled), `expression` (its source),
    `name` and `nearest` (of what is missing).
    """

    def __init__(self, code: str, message: str, details: dict[str, Json] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Json] = details if details is not None else {}

    def located(self, details: dict[str, Json]) -> "ExpressionError":
        """The same error with `details` added where it has none of that name."""
        return ExpressionError(self.code, self.message, {**details, **self.details})


class NeedsData(Exception):
    """The evaluation has to look inside a value that is kept by reference."""

    def __init__(self, ref: Ref) -> None:
        super().__init__(f"the value {ref.ref!r} is kept by reference and is needed here")
        self.ref = ref
