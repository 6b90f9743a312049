"""The tests that may follow `is`, and be named in `select` and its kin.

`defined` and `undefined` alone take a missing value; for the others it is an error. In `selectattr` and `rejectattr`
a missing attribute makes every other test false.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from engine.expressions.budget import Budget
from engine.expressions.errors import TYPE, VALUE, ExpressionError
from engine.expressions.filters.spec import Args, Parameter, plain
from engine.expressions.operators import Comparison, compare
from engine.expressions.values import Value, is_number, kind

Run: TypeAlias = Callable[[Value, Args, Budget], bool]


@dataclass(frozen=True, slots=True)
class Test:
    """A test; `of_missing` is its answer for a missing value, None when that is an error."""

    name: str
    run: Run
    parameters: tuple[Parameter, ...]
    of_missing: bool | None = None


def _remainder(value: Value, by: int | float, owner: str) -> int | float:
    value = plain(value)
    if type(value) is not int and type(value) is not float:
        raise ExpressionError(TYPE, f"{owner!r} needs a number, not {kind(value)}")
    if by == 0:
        raise ExpressionError(VALUE, "division by zero")
    return value % by


def _odd(value: Value, _: Args, __: Budget) -> bool:
    return _remainder(value, 2, "odd") == 1


def _even(value: Value, _: Args, __: Budget) -> bool:
    return _remainder(value, 2, "even") == 0


def _divisibleby(value: Value, args: Args, _: Budget) -> bool:
    return _remainder(value, args.number(0), "divisibleby") == 0


def _comparison(op: Comparison) -> Run:
    def run(value: Value, args: Args, budget: Budget) -> bool:
        return compare(op, value, args.value(0), budget)

    return run


def _text(value: Value, owner: str) -> str:
    value = plain(value)
    if type(value) is str:
        return value
    raise ExpressionError(TYPE, f"{owner!r} needs a string, not {kind(value)}")


def _startswith(value: Value, args: Args, _: Budget) -> bool:
    return _text(value, "startswith").startswith(args.text(0))


def _endswith(value: Value, args: Args, _: Budget) -> bool:
    return _text(value, "endswith").endswith(args.text(0))


def _is(check: Callable[[Value], bool]) -> Run:
    def run(value: Value, _: Args, __: Budget) -> bool:
        return check(plain(value))

    return run


def _always(answer: bool) -> Run:
    def run(_: Value, __: Args, ___: Budget) -> bool:
        return answer

    return run


_OTHER: Final = (Parameter("other", True, None),)

_ALL: Final[tuple[Test, ...]] = (
    Test("boolean", _is(lambda value: type(value) is bool), ()),
    Test("defined", _always(True), (), of_missing=False),
    Test("divisibleby", _divisibleby, (Parameter("num", True, None),)),
    Test("endswith", _endswith, (Parameter("suffix", True, None),)),
    Test("eq", _comparison("=="), _OTHER),
    Test("even", _even, ()),
    Test("ge", _comparison(">="), _OTHER),
    Test("gt", _comparison(">"), _OTHER),
    Test("in", _comparison("in"), (Parameter("seq", True, None),)),
    Test("le", _comparison("<="), _OTHER),
    Test("lt", _comparison("<"), _OTHER),
    Test("mapping", _is(lambda value: type(value) is dict), ()),
    Test("ne", _comparison("!="), _OTHER),
    Test("none", _is(lambda value: value is None), ()),
    Test("number", _is(is_number), ()),
    Test("odd", _odd, ()),
    Test("sequence", _is(lambda value: type(value) in (list, str, dict)), ()),
    Test("startswith", _startswith, (Parameter("prefix", True, None),)),
    Test("string", _is(lambda value: type(value) is str), ()),
    Test("undefined", _always(False), (), of_missing=True),
)

TESTS: Final[Mapping[str, Test]] = MappingProxyType({each.name: each for each in _ALL})
