"""From Jinja's tree to ours. What isn't listed here doesn't exist."""

from typing import Final, cast

from jinja2 import nodes

from engine.expressions.errors import SYNTAX, ExpressionError
from engine.expressions.grammar import parse_expression
from engine.expressions.operators import Arithmetic, Comparison
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
)
from modules.sdk.json import INT_MAX, INT_MIN

MAX_NODES_DEEP: Final = 64

_ARITHMETIC: Final[dict[type[nodes.Expr], Arithmetic]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Pow: "**",
}

_COMPARISON: Final[dict[str, Comparison]] = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}


def read_expression(source: str) -> Node:
    """Our tree of one expression; raises `expression.syntax`."""
    return convert(parse_expression(source))


def convert(node: nodes.Node, depth: int = 0) -> Node:
    """Our tree of Jinja's; raises `expression.syntax` for what expressions don't have and for more than 64 levels."""
    if depth >= MAX_NODES_DEEP:
        raise ExpressionError(SYNTAX, f"the expression is nested deeper than {MAX_NODES_DEEP} levels: split it")
    down = depth + 1
    match node:
        case nodes.Const():
            return _const(node.value)
        case nodes.Name():
            return Name(node.name)
        case nodes.Getattr():
            return Access(convert(node.node, down), Const(node.attr))
        case nodes.Getitem(arg=nodes.Slice() as cut):
            none = Const(None)
            start, stop, step = (
                none if part is None else convert(part, down) for part in (cut.start, cut.stop, cut.step)
            )
            return Cut(convert(node.node, down), start, stop, step)
        case nodes.Getitem():
            if isinstance(node.arg, nodes.Tuple):
                raise ExpressionError(SYNTAX, "an index is one value, not several")
            return Access(convert(node.node, down), convert(node.arg, down))
        case nodes.List() | nodes.Tuple():
            return ListOf(tuple(convert(item, down) for item in node.items))
        case nodes.Dict():
            return ObjectOf(tuple((convert(pair.key, down), convert(pair.value, down)) for pair in node.items))
        case nodes.Neg() | nodes.Pos():
            return Sign("-" if isinstance(node, nodes.Neg) else "+", convert(node.node, down))
        case nodes.Not():
            return Inverted(convert(node.node, down))
        case nodes.And() | nodes.Or():
            op = "and" if isinstance(node, nodes.And) else "or"
            return Logic(op, convert(node.left, down), convert(node.right, down))
        case nodes.BinExpr():
            return Calculation(_ARITHMETIC[type(node)], convert(node.left, down), convert(node.right, down))
        case nodes.Concat():
            return Joined(tuple(convert(part, down) for part in node.nodes))
        case nodes.Compare():
            rest: tuple[tuple[Comparison, Node], ...] = tuple(
                (_COMPARISON[operand.op], convert(operand.expr, down)) for operand in node.ops
            )
            return Compared(convert(node.expr, down), rest)
        case nodes.CondExpr():
            other = None if node.expr2 is None else convert(node.expr2, down)
            return Choice(convert(node.test, down), convert(node.expr1, down), other)
        case nodes.Filter():
            if node.node is None:
                raise ExpressionError(SYNTAX, "a filter needs a value before it")
            args, named = _arguments(node, down)
            return Filtered(node.name, convert(node.node, down), args, named)
        case nodes.Test():
            args, named = _arguments(node, down)
            return Tested(node.name, convert(node.node, down), args, named)
        case nodes.Call():
            raise ExpressionError(SYNTAX, _no_call(node))
        case _:
            raise ExpressionError(SYNTAX, f"expressions have no {type(node).__name__.lower()}")


def _const(value: object) -> Const:
    if value is None or type(value) is bool or type(value) is str:
        return Const(value)
    if type(value) is int:
        if INT_MIN <= value <= INT_MAX:
            return Const(value)
        raise ExpressionError(SYNTAX, "an integer beyond 64 bits can't be written")
    if type(value) is float and value - value == 0:
        return Const(value)
    raise ExpressionError(SYNTAX, "this number can't be written: it isn't finite")


def _arguments(node: nodes.Filter | nodes.Test, depth: int) -> tuple[tuple[Node, ...], tuple[tuple[str, Node], ...]]:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise ExpressionError(SYNTAX, f"{node.name!r} can't take its arguments by * or **")
    named: dict[str, Node] = {}
    for pair in cast("list[nodes.Keyword]", node.kwargs):  # typed as pairs, but the parser makes keywords
        if pair.key in named:
            raise ExpressionError(SYNTAX, f"{node.name!r} is given {pair.key!r} twice")
        named[pair.key] = convert(pair.value, depth)
    return tuple(convert(arg, depth) for arg in node.args), tuple(named.items())


def _no_call(node: nodes.Call) -> str:
    called = node.node
    if isinstance(called, nodes.Name):
        return f"expressions have no calls: instead of {called.name}(…) use a filter, as in {{{{ value | {called.name} }}}}"
    if isinstance(called, nodes.Getattr):
        return f"expressions have no calls: instead of .{called.attr}(…) use a filter, as in {{{{ value | {called.attr} }}}}"
    return "expressions have no calls, only filters and tests"
