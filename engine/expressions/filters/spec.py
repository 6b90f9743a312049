"""What a filter is: a name, its parameters, and a function from a value, its arguments and the budget to a value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.expressions.budget import Budget
from engine.expressions.errors import TYPE, VALUE, ExpressionError, NeedsData
from engine.expressions.text_of import text_of
from engine.expressions.undefined import Maybe
from engine.expressions.values import Ref, Value, kind

MAX_COUNT: Final = 1_000_000
"""The largest count, width or length that an argument may ask for."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; a required one has no default."""

    name: str
    required: bool
    default: None | bool | int | float | str


class Args:
    """The arguments of one call, in the order of the parameters; the getters check their types."""

    __slots__ = ("_names", "_owner", "_values")

    def __init__(self, owner: str, names: Sequence[str], values: Sequence[Value]) -> None:
        self._owner = owner
        self._names = names
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def value(self, index: int) -> Value:
        """The argument as it is."""
        return self._values[index]

    def rest(self, index: int) -> Sequence[Value]:
        """All arguments from `index` on."""
        return self._values[index:]

    def text(self, index: int) -> str:
        """A string."""
        value = self._plain(index)
        if type(value) is str:
            return value
        raise self._wrong(index, "a string", value)

    def integer(self, index: int) -> int:
        """An integer."""
        value = self._plain(index)
        if type(value) is int:
            return value
        raise self._wrong(index, "an integer", value)

    def count(self, index: int, least: int = 0) -> int:
        """An integer from `least` to a million."""
        value = self.integer(index)
        if least <= value <= MAX_COUNT:
            return value
        raise ExpressionError(VALUE, f"{self._label(index)} must be between {least} and {MAX_COUNT:,}")

    def number(self, index: int) -> int | float:
        """A number."""
        value = self._plain(index)
        if type(value) is int or type(value) is float:
            return value
        raise self._wrong(index, "a number", value)

    def flag(self, index: int) -> bool:
        """A boolean, or what counts as one."""
        return bool(self._plain(index))

    def items(self, index: int) -> list[Value]:
        """A list."""
        value = self._plain(index)
        if type(value) is list:
            return value
        raise self._wrong(index, "a list", value)

    def mapping(self, index: int) -> dict[str, Value]:
        """An object."""
        value = self._plain(index)
        if type(value) is dict:
            return value
        raise self._wrong(index, "an object", value)

    def _plain(self, index: int) -> Value:
        value = self._values[index]
        if isinstance(value, Ref):
            raise NeedsData(value)
        return value

    def _label(self, index: int) -> str:
        return f"{self._names[min(index, len(self._names) - 1)]!r} of {self._owner!r}"

    def _wrong(self, index: int, wanted: str, got: Value) -> ExpressionError:
        return ExpressionError(TYPE, f"{self._label(index)} must be {wanted}, not {kind(got)}")


Run: TypeAlias = Callable[[Value, Args, Budget], Maybe]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter; `variadic`: the last parameter may be given any number of times."""

    name: str
    run: Run
    parameters: tuple[Parameter, ...]
    variadic: bool = False


def define(
    name: str, run: Run, *required: str, variadic: bool = False, **optional: None | bool | int | float | str
) -> Filter:
    """A filter from the names of its required parameters and the defaults of its optional ones."""
    parameters = [Parameter(each, True, None) for each in required]
    parameters += [Parameter(each, False, default) for each, default in optional.items()]
    return Filter(name, run, tuple(parameters), variadic)


def plain(value: Value) -> Value:
    """The value, which is going to be looked into; raises NeedsData for a reference."""
    if isinstance(value, Ref):
        raise NeedsData(value)
    return value


def as_text(value: Value, owner: str, budget: Budget) -> str:
    """The text that a text filter works on: a string, or a number or boolean as JSON."""
    if type(value) is str:
        budget.text(len(value))
        return value
    value = plain(value)
    if type(value) is bool or type(value) is int or type(value) is float:
        return text_of(value, budget)
    hint = "; use |default('', true) for a null" if value is None else ""
    raise ExpressionError(TYPE, f"{owner!r} needs a string, not {kind(value)}{hint}")


def as_items(value: Value, owner: str, budget: Budget) -> list[Value]:
    """What a list filter goes over: the items of a list, the characters of a string, the keys of an object."""
    value = plain(value)
    if type(value) is list:
        budget.items(len(value))
        return value
    if type(value) is str:
        budget.items(len(value))
        return list(value)
    if type(value) is dict:
        budget.items(len(value))
        return list(value)
    raise ExpressionError(TYPE, f"{owner!r} needs a list, not {kind(value)}")


def as_mapping(value: Value, owner: str) -> dict[str, Value]:
    """The object that an object filter works on."""
    value = plain(value)
    if type(value) is dict:
        return value
    raise ExpressionError(TYPE, f"{owner!r} needs an object, not {kind(value)}")


def as_number(value: Value, owner: str) -> int | float:
    """The number that a number filter works on."""
    value = plain(value)
    if type(value) is int or type(value) is float:
        return value
    raise ExpressionError(TYPE, f"{owner!r} needs a number, not {kind(value)}; |to_number converts text")
