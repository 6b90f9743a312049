"""The filters that apply another filter or a test to each item: map, select, reject, selectattr, rejectattr.

The filter or test is named by a literal in the text and looked up when the text is compiled; data never names one.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from engine.expressions.access import find_path, path_of
from engine.expressions.binding import bind, look_up, unknown
from engine.expressions.budget import Budget
from engine.expressions.errors import FILTER, ExpressionError
from engine.expressions.filters.registry import DEFAULT, FILTERS, NAMES, PER_ITEM
from engine.expressions.filters.spec import Args, Parameter, as_items
from engine.expressions.operators import truth
from engine.expressions.tests import TESTS, Test
from engine.expressions.tree import Const, Filtered, Node
from engine.expressions.undefined import Maybe, Undefined, used
from engine.expressions.values import Value


class HasBudget(Protocol):
    """The part of a frame that is needed here."""

    @property
    def budget(self) -> Budget: ...


Get: TypeAlias = Callable[..., Value]
Compile: TypeAlias = Callable[[Node], Get]
Apply: TypeAlias = Callable[..., Maybe]

_BY_ATTRIBUTE: Final = (Parameter("attribute", True, None), Parameter("default", False, None))


def per_item(node: Filtered, compile_used: Compile) -> Apply:
    """What applies `node`, one of the five, to a list."""
    if node.name == "map":
        if any(name == "attribute" for name, _ in node.named):
            return _map_attribute(node, compile_used)
        return _map_filter(node, compile_used)
    return _selection(node, compile_used, node.name in ("select", "selectattr"), node.name.endswith("attr"))


def _map_attribute(node: Filtered, compile_used: Compile) -> Apply:
    attribute, default = map(compile_used, bind("map", _BY_ATTRIBUTE, False, node.args, node.named))

    def apply(value: Value, frame: HasBudget) -> Maybe:
        items = as_items(value, "map", frame.budget)
        path, other = path_of(attribute(frame)), default(frame)
        result: list[Value] = []
        for item in items:
            found = find_path(item, path)
            result.append(other if isinstance(found, Undefined) else found)
        if other is not None:
            frame.budget.hold(result)
        return result

    return apply


def _map_filter(node: Filtered, compile_used: Compile) -> Apply:
    name = _literal_name(node, 0, "filter")
    if name == DEFAULT:
        # Items are never missing: only the form with `true` does anything.
        parameters: tuple[Parameter, ...] = (Parameter("default_value", False, ""), Parameter("boolean", False, False))
        variadic = False

        def call(value: Value, args: Args, _: Budget) -> Maybe:
            return args.value(0) if args.flag(1) and not truth(value) else value

        run = call
    elif name in PER_ITEM:
        raise ExpressionError(FILTER, f"'map' can't apply {name!r}: it can apply filters of one value", {"name": name})
    else:
        spec = FILTERS.get(name)
        if spec is None:
            raise unknown("filter", name, NAMES)
        parameters, variadic, run = spec.parameters, spec.variadic, spec.run
    names = [parameter.name for parameter in parameters]
    gets = [compile_used(arg) for arg in bind(name, parameters, variadic, node.args[1:], node.named)]

    def apply(value: Value, frame: HasBudget) -> Maybe:
        budget = frame.budget
        items = as_items(value, "map", budget)
        args = Args(name, names, [get(frame) for get in gets])
        budget.items(len(items))
        result = [used(run(item, args, budget)) for item in items]
        budget.hold(result)
        return result

    return apply


def _selection(node: Filtered, compile_used: Compile, keep: bool, by_attribute: bool) -> Apply:
    owner = node.name
    rest = 1 if by_attribute else 0
    if by_attribute and not node.args:
        raise ExpressionError(FILTER, f"{owner!r} needs the name of an attribute")
    attribute = compile_used(node.args[0]) if by_attribute else None
    test: Test | None = None
    gets: Sequence[Get] = ()
    names: list[str] = []
    if len(node.args) > rest:
        test = look_up("test", _literal_name(node, rest, "test"), TESTS)
        names = [parameter.name for parameter in test.parameters]
        bound = bind(test.name, test.parameters, False, node.args[rest + 1 :], node.named)
        gets = [compile_used(arg) for arg in bound]
    elif node.named:
        raise ExpressionError(FILTER, f"{owner!r} has no argument {node.named[0][0]!r}")

    def apply(value: Value, frame: HasBudget) -> Maybe:
        budget = frame.budget
        items = as_items(value, owner, budget)
        path = () if attribute is None else path_of(attribute(frame))
        args = Args(owner if test is None else test.name, names, [get(frame) for get in gets])
        kept: list[Value] = []
        budget.items(len(items) * 2)
        for item in items:
            found = find_path(item, path)
            if isinstance(found, Undefined):
                holds = test is not None and test.of_missing is True
            else:
                holds = truth(found) if test is None else test.run(found, args, budget)
            if holds is keep:
                kept.append(item)
        return kept

    return apply


def _literal_name(node: Filtered, index: int, what: str) -> str:
    if len(node.args) <= index:
        raise ExpressionError(FILTER, f"{node.name!r} needs the name of a {what}, or attribute=…")
    arg = node.args[index]
    if isinstance(arg, Const) and type(arg.value) is str:
        return arg.value
    raise ExpressionError(FILTER, f"{node.name!r} takes the name of a {what} as a literal string")
