"""Finds the references of a tree: which paths of the scope it reads, and how."""

from collections.abc import Iterator

from engine.expressions.filters.registry import DEFAULT
from engine.expressions.references import Reference
from engine.expressions.tests import TESTS
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
    constant_key,
)


def references_of(node: Node, pointer: str) -> Iterator[Reference]:
    """The references of an expression, in the order of the text."""
    return _walk(node, pointer, guarded=False, filtered=False)


def _walk(node: Node, pointer: str, guarded: bool, filtered: bool) -> Iterator[Reference]:
    match node:
        case Const():
            return
        case Name() | Access():
            yield from _path(node, pointer, guarded, filtered)
        case Cut():
            yield from _walk(node.base, pointer, guarded, True)
            yield from _all((node.start, node.stop, node.step), pointer)
        case ListOf():
            for item in node.items:
                yield from _walk(item, pointer, False, filtered)
        case ObjectOf():
            for key, item in node.pairs:
                yield from _walk(key, pointer, False, True)
                yield from _walk(item, pointer, False, filtered)
        case Sign() | Inverted():
            yield from _walk(node.operand, pointer, False, True)
        case Calculation():
            yield from _all((node.left, node.right), pointer)
        case Joined():
            for part in node.parts:
                yield from _walk(part, pointer, False, filtered)
        case Compared():
            yield from _all((node.first, *(operand for _, operand in node.rest)), pointer)
        case Logic():
            yield from _walk(node.left, pointer, False, filtered)
            yield from _walk(node.right, pointer, guarded, filtered)
        case Choice():
            yield from _walk(node.then, pointer, guarded, filtered)
            yield from _walk(node.test, pointer, False, True)
            if node.other is not None:
                yield from _walk(node.other, pointer, guarded, filtered)
        case Filtered():
            if node.name == DEFAULT:
                yield from _walk(node.base, pointer, True, filtered)
                for arg in (*node.args, *(arg for _, arg in node.named)):
                    yield from _walk(arg, pointer, guarded, filtered)
            else:
                yield from _walk(node.base, pointer, guarded, True)
                yield from _all((*node.args, *(arg for _, arg in node.named)), pointer)
        case Tested():
            spec = TESTS.get(node.name)
            yield from _walk(node.base, pointer, spec is not None and spec.of_missing is not None, True)
            yield from _all((*node.args, *(arg for _, arg in node.named)), pointer)


def _all(nodes: tuple[Node, ...], pointer: str) -> Iterator[Reference]:
    for node in nodes:
        yield from _walk(node, pointer, False, True)


def _path(node: Name | Access, pointer: str, guarded: bool, filtered: bool) -> Iterator[Reference]:
    """The reference of an access chain, then those of what is inside its computed keys."""
    keys: list[Node] = []
    base: Node = node
    while isinstance(base, Access):
        keys.append(base.key)
        base = base.base
    keys.reverse()
    path: list[str | int] = []
    dynamic = False
    for key in keys:
        fixed = constant_key(key)
        if fixed is None:
            dynamic = True
            break
        path.append(fixed)
    if isinstance(base, Name):
        yield Reference((base.name, *path), guarded, pointer, dynamic, filtered)
    else:
        yield from _walk(base, pointer, guarded, True)
    for key in keys:
        if constant_key(key) is None:
            yield from _walk(key, pointer, False, True)
