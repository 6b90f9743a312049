"""How much one evaluation may do.

The model. Work is counted in *steps*, about a microsecond each: a node of the tree is one, four items of a list are
one, a KiB of text is one. Space is counted as *size*: the characters that a value has as JSON. Every text that a
filter makes is measured before it is made; every list or object that may be larger than what it was made of (a
literal, a sum, a product, a merge) is measured as a whole. So each value that can be reached is at most as large as
the budget or as a value of the scope, and walking one is bounded. What merely passes through is free.

Size is that of the JSON text and not of the memory, since shared structure (`[x, x]`, again and again) is small in
memory and exponential as text. Time is never measured: the same evaluation must end the same way everywhere.
"""

from collections.abc import Iterable

from engine.expressions.errors import BUDGET, VALUE, ExpressionError
from engine.expressions.values import Ref, Value

MAX_STEPS = 200_000
MAX_SIZE = 20 * 2**20
MAX_DEPTH = 256
"""Nesting of data that may be looked through (compared, merged, written as JSON)."""

_REF_SIZE = 120


class Budget:
    """The steps and the size that are left; one per evaluation (of a whole value, also of many strings)."""

    __slots__ = ("_left", "_sizes", "size", "steps")

    def __init__(self, steps: int = MAX_STEPS, size: int = MAX_SIZE) -> None:
        self.steps = steps
        self.size = size
        self._left = steps
        self._sizes: dict[int, tuple[object, int]] = {}  # by id; the object is kept, so that its id stays its own

    @property
    def used(self) -> int:
        """Steps that were taken."""
        return self.steps - self._left

    def step(self, count: int = 1) -> None:
        """Takes `count` steps."""
        self._left -= count
        if self._left < 0:
            raise ExpressionError(
                BUDGET,
                f"this expression takes more than {self.steps:,} steps: give it less data, or split the work",
                {"limit": "steps", "steps": self.steps},
            )

    def items(self, count: int) -> None:
        """Takes the steps for going over `count` items."""
        self.step((count >> 2) + 1)

    def text(self, length: int) -> None:
        """Takes the steps for reading or making `length` characters, and checks that one value may be that large."""
        if length > self.size:
            raise self._too_large()
        self.step((length >> 10) + 1)

    def hold(self, values: Iterable[Value]) -> None:
        """Checks that a container of `values` isn't too large as JSON."""
        total = 2
        for value in values:
            total += 1 + self.measure(value)
            if total > self.size:
                raise self._too_large()

    def measure(self, value: Value, depth: int = 0) -> int:
        """The characters of `value` as JSON, about; each container is walked once per budget."""
        of = type(value)
        if of is str:
            return len(value) + 2  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  exact type above
        if of is not list and of is not dict:
            return _REF_SIZE if isinstance(value, Ref) else 12
        known = self._sizes.get(id(value))
        if known is not None:
            return known[1]
        if depth >= MAX_DEPTH:
            raise ExpressionError(VALUE, f"the data is nested deeper than {MAX_DEPTH} levels")
        total = 2
        if isinstance(value, list):
            self.step((len(value) >> 4) + 1)
            for item in value:
                total += 1 + self.measure(item, depth + 1)
                if total > self.size:
                    raise self._too_large()
        elif isinstance(value, dict):
            self.step((len(value) >> 4) + 1)
            for key, item in value.items():
                total += 4 + len(key) + self.measure(item, depth + 1)
                if total > self.size:
                    raise self._too_large()
        self._sizes[id(value)] = (value, total)
        return total

    def _too_large(self) -> ExpressionError:
        return ExpressionError(
            BUDGET,
            f"a value of this expression is larger than {self.size:,} characters",
            {"limit": "size", "size": self.size},
        )
