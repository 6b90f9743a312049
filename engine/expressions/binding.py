"""Arguments put to parameters, when an expression is compiled: wrong ones are errors of the document, not of a run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from engine.expressions.errors import FILTER, ExpressionError
from engine.expressions.filters.spec import Parameter
from engine.expressions.nearest import nearest
from engine.expressions.tree import Const, Node
from engine.expressions.values import Json

T = TypeVar("T")


def look_up(kind: str, name: str, known: Mapping[str, T]) -> T:
    """The filter or test of that name; raises `expression.filter` with the nearest."""
    found = known.get(name)
    if found is None:
        raise unknown(kind, name, known.keys())
    return found


def unknown(kind: str, name: str, known: Iterable[str]) -> ExpressionError:
    """The error of a filter or test that doesn't exist."""
    like = nearest(name, known)
    details: dict[str, Json] = {"name": name}
    message = f"there is no {kind} {name!r}"
    if like is not None:
        details["nearest"] = like
        message += f"; did you mean {like!r}?"
    return ExpressionError(FILTER, message, details)


def bind(
    owner: str,
    parameters: Sequence[Parameter],
    variadic: bool,
    args: Sequence[Node],
    named: Sequence[tuple[str, Node]],
) -> tuple[Node, ...]:
    """One node for each parameter (more for a variadic one), in their order."""
    if len(args) > len(parameters) and not variadic:
        raise ExpressionError(FILTER, f"{owner!r} takes at most {len(parameters)} arguments, not {len(args)}")
    bound: dict[str, Node] = {parameter.name: arg for parameter, arg in zip(parameters, args, strict=False)}
    for name, arg in named:
        if all(name != parameter.name for parameter in parameters):
            like = nearest(name, [parameter.name for parameter in parameters])
            hint = f"; did you mean {like!r}?" if like else ""
            raise ExpressionError(FILTER, f"{owner!r} has no argument {name!r}{hint}", {"name": name})
        if name in bound:
            raise ExpressionError(FILTER, f"{owner!r} is given {name!r} twice", {"name": name})
        bound[name] = arg
    result: list[Node] = []
    for parameter in parameters:
        if parameter.name in bound:
            result.append(bound[parameter.name])
        elif parameter.required:
            raise ExpressionError(FILTER, f"{owner!r} needs its argument {parameter.name!r}", {"name": parameter.name})
        else:
            result.append(Const(parameter.default))
    return (*result, *args[len(parameters) :])
