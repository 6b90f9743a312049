"""From the closed tree to closures, once for each text.

A closure takes a `Frame` (the names in scope, and the budget) and gives a value or `Undefined`. Every node takes one
step. Under `default(…)` and `is defined` the chain is compiled as *guarded*: a filter that is given a missing value
passes it on there, instead of reporting it, so that a default covers its whole chain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from engine.expressions.access import cut, find, find_name
from engine.expressions.binding import bind, look_up, unknown
from engine.expressions.budget import Budget
from engine.expressions.errors import TYPE, ExpressionError, NeedsData
from engine.expressions.filters.registry import DEFAULT, FILTERS, NAMES, PER_ITEM
from engine.expressions.filters.spec import Args, Parameter
from engine.expressions.operators import Comparison, calculate, compare, negated, truth
from engine.expressions.per_item import per_item
from engine.expressions.tests import TESTS
from engine.expressions.text_of import text_of
from engine.expressions.tree import (
    Access,
    Calculation,
    Choice,
    Compared,
    Const,
    Cut,
    Filtered,
    Inverted,
    Joined,
    ListOf,
    Logic,
    Name,
    Node,
    ObjectOf,
    Sign,
    Tested,
    written,
)
from engine.expressions.undefined import Maybe, Undefined
from engine.expressions.values import Ref, Value, kind


@dataclass(frozen=True, slots=True)
class Frame:
    """What an evaluation runs over."""

    scope: Mapping[str, Value]
    budget: Budget


Run: TypeAlias = Callable[[Frame], Maybe]
Get: TypeAlias = Callable[[Frame], Value]

_DEFAULT_PARAMETERS: Final = (Parameter("default_value", False, ""), Parameter("boolean", False, False))


def compile_node(node: Node, guarded: bool = False) -> Run:
    """The closure of a node; raises `expression.filter` for unknown filters and tests, and for wrong arguments."""
    match node:
        case Const():
            return _const(node)
        case Name():
            return _name(node)
        case Access():
            return _access(node, guarded)
        case Cut():
            return _cut(node, guarded)
        case ListOf():
            return _list(node)
        case ObjectOf():
            return _object(node)
        case Sign():
            return _sign(node)
        case Calculation():
            return _calculation(node)
        case Joined():
            return _joined(node)
        case Compared():
            return _compared(node)
        case Logic():
            return _logic(node, guarded)
        case Inverted():
            return _inverted(node)
        case Choice():
            return _choice(node, guarded)
        case Filtered():
            return _default(node) if node.name == DEFAULT else _filtered(node, guarded)
        case Tested():
            return _tested(node)
    assert_never(node)


def compile_used(node: Node) -> Get:
    """The closure of a node whose missing value is an error."""
    run = compile_node(node)

    def get(frame: Frame) -> Value:
        value = run(frame)
        if isinstance(value, Undefined):
            raise value.error()
        return value

    return get


def _const(node: Const) -> Run:
    value = node.value

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        return value

    return run


def _name(node: Name) -> Run:
    name = node.name

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        return find_name(frame.scope, name)

    return run


def _access(node: Access, guarded: bool) -> Run:
    base, where = compile_node(node.base, guarded), written(node.base)
    if isinstance(node.key, Const) and isinstance(node.key.value, (str, int)):
        key = node.key.value

        def run_fixed(frame: Frame) -> Maybe:
            frame.budget.step()
            return find(base(frame), key, where)

        return run_fixed
    computed = compile_used(node.key)

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        return find(base(frame), computed(frame), where)

    return run


def _cut(node: Cut, guarded: bool) -> Run:
    base = compile_node(node.base, guarded)
    start, stop, step = compile_used(node.start), compile_used(node.stop), compile_used(node.step)

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        value = base(frame)
        if isinstance(value, Undefined):
            return value
        if value is None and guarded:
            return Undefined("null can't be sliced")
        return cut(value, start(frame), stop(frame), step(frame), frame.budget)

    return run


def _list(node: ListOf) -> Run:
    items = [compile_used(item) for item in node.items]

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        values = [item(frame) for item in items]
        frame.budget.hold(values)
        return values

    return run


def _object(node: ObjectOf) -> Run:
    pairs = [(compile_used(key), compile_used(value)) for key, value in node.pairs]

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        result: dict[str, Value] = {}
        for get_key, get_value in pairs:
            key = get_key(frame)
            if isinstance(key, Ref):
                raise NeedsData(key)
            if type(key) is not str:
                raise ExpressionError(TYPE, f"a key of an object must be a string, not {kind(key)}")
            result[key] = get_value(frame)
        frame.budget.hold((result,))
        return result

    return run


def _sign(node: Sign) -> Run:
    operand, op = compile_used(node.operand), node.op

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        return negated(operand(frame), op)

    return run


def _calculation(node: Calculation) -> Run:
    op, left, right = node.op, compile_used(node.left), compile_used(node.right)

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        return calculate(op, left(frame), right(frame), frame.budget)

    return run


def _joined(node: Joined) -> Run:
    parts = [compile_used(part) for part in node.parts]

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        texts = [text_of(part(frame), frame.budget) for part in parts]
        frame.budget.text(sum(map(len, texts)))
        return "".join(texts)

    return run


def _compared(node: Compared) -> Run:
    first = compile_used(node.first)
    rest: list[tuple[Comparison, Get]] = [(op, compile_used(operand)) for op, operand in node.rest]

    def run(frame: Frame) -> Maybe:
        left = first(frame)
        for op, operand in rest:
            frame.budget.step()
            right = operand(frame)
            if not compare(op, left, right, frame.budget):
                return False
            left = right
        return True

    return run


def _logic(node: Logic, guarded: bool) -> Run:
    left, right, stop_at = compile_used(node.left), compile_node(node.right, guarded), node.op == "or"

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        value = left(frame)
        return value if truth(value) is stop_at else right(frame)

    return run


def _inverted(node: Inverted) -> Run:
    operand = compile_used(node.operand)

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        return not truth(operand(frame))

    return run


def _choice(node: Choice, guarded: bool) -> Run:
    test, then = compile_used(node.test), compile_node(node.then, guarded)
    other = None if node.other is None else compile_node(node.other, guarded)

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        if truth(test(frame)):
            return then(frame)
        if other is None:
            return Undefined("the condition was false, and there is no 'else'")
        return other(frame)

    return run


def _default(node: Filtered) -> Run:
    base = compile_node(node.base, guarded=True)
    fallback_node, boolean_node = bind(DEFAULT, _DEFAULT_PARAMETERS, False, node.args, node.named)
    fallback, boolean = compile_node(fallback_node), compile_used(boolean_node)

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        value = base(frame)
        if isinstance(value, Undefined):
            return fallback(frame)
        if truth(boolean(frame)) and not truth(value):
            return fallback(frame)
        return value

    return run


def _filtered(node: Filtered, guarded: bool) -> Run:
    base = compile_node(node.base, guarded)
    apply = per_item(node, compile_used) if node.name in PER_ITEM else _applied(node)

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        value = base(frame)
        if isinstance(value, Undefined):
            if guarded:
                return value
            raise value.error()
        return apply(value, frame)

    return run


def _applied(node: Filtered) -> Callable[[Value, Frame], Maybe]:
    name = node.name
    spec = FILTERS.get(name)
    if spec is None:
        raise unknown("filter", name, NAMES)
    call = spec.run
    names = [parameter.name for parameter in spec.parameters]
    nodes = bind(name, spec.parameters, spec.variadic, node.args, node.named)
    args = [compile_used(arg) for arg in nodes]

    def apply(value: Value, frame: Frame) -> Maybe:
        return call(value, Args(name, names, [arg(frame) for arg in args]), frame.budget)

    return apply


def _tested(node: Tested) -> Run:
    spec = look_up("test", node.name, TESTS)
    base = compile_node(node.base, guarded=spec.of_missing is not None)
    names = [parameter.name for parameter in spec.parameters]
    args = _compiled_all(bind(spec.name, spec.parameters, False, node.args, node.named))

    def run(frame: Frame) -> Maybe:
        frame.budget.step()
        value = base(frame)
        if isinstance(value, Undefined):
            if spec.of_missing is None:
                raise value.error()
            return spec.of_missing
        return spec.run(value, Args(spec.name, names, [arg(frame) for arg in args]), frame.budget)

    return run


def _compiled_all(nodes: Sequence[Node]) -> list[Get]:
    return [compile_used(node) for node in nodes]
