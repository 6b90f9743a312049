"""The closed tree of a text with statements, and its compilation.

A statement writes pieces of text to a page. Names: `{% set %}` binds one from there on, inside a loop until the end of
the iteration; a loop's own names and `loop` last for the iteration. What isn't here (include, import, extends, block,
macro, call, with, filter blocks) doesn't exist.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from jinja2 import nodes

from engine.expressions.budget import Budget
from engine.expressions.compiler import Frame, compile_used
from engine.expressions.convert import convert
from engine.expressions.errors import SYNTAX, TYPE, ExpressionError
from engine.expressions.filters.spec import as_items
from engine.expressions.operators import truth
from engine.expressions.text_of import text_of
from engine.expressions.tree import Node
from engine.expressions.values import Value, kind

MAX_BLOCKS_DEEP: Final = 32


class Page:
    """The text written so far; its length is checked as it grows."""

    __slots__ = ("_budget", "_length", "pieces")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._length = 0
        self.pieces: list[str] = []

    def write(self, text: str) -> None:
        """Adds text."""
        self._length += len(text)
        if self._length > self._budget.size:
            self._budget.text(self._length)
        self._budget.step((len(text) >> 10) + 1)
        self.pieces.append(text)

    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


Scope: TypeAlias = ChainMap[str, Value]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement runs: its names, the page it writes to, the budget."""

    scope: Scope
    page: Page
    budget: Budget

    @property
    def frame(self) -> Frame:
        """What its expressions run over."""
        return Frame(self.scope, self.budget)


Step: TypeAlias = Callable[[Place], None]


def compile_body(body: Sequence[nodes.Node], depth: int = 0) -> Step:
    """What runs the statements one after the other; raises `expression.syntax` for those that don't exist."""
    if depth > MAX_BLOCKS_DEEP:
        raise ExpressionError(SYNTAX, f"blocks are nested deeper than {MAX_BLOCKS_DEEP} levels")
    steps = [_compiled(node, depth) for node in body]

    def run(place: Place) -> None:
        for step in steps:
            step(place)

    return run


def _compiled(node: nodes.Node, depth: int) -> Step:
    try:
        match node:
            case nodes.Output():
                return _output(node)
            case nodes.If():
                return _if(node, depth)
            case nodes.For():
                return _for(node, depth)
            case nodes.Assign():
                return _set(node)
            case nodes.AssignBlock():
                return _set_block(node, depth)
            case _:
                raise ExpressionError(SYNTAX, f"templates have no {type(node).__name__.lower()} statement")
    except ExpressionError as error:
        raise error.located({"line": node.lineno}) from None


def _output(node: nodes.Output) -> Step:
    steps = [_text(part.data) if isinstance(part, nodes.TemplateData) else _printed(part) for part in node.nodes]

    def run(place: Place) -> None:
        for step in steps:
            step(place)

    return run


def _text(text: str) -> Step:
    def run(place: Place) -> None:
        place.page.write(text)

    return run


def _printed(node: nodes.Expr) -> Step:
    get = compile_used(_converted(node))

    def run(place: Place) -> None:
        place.page.write(text_of(get(place.frame), place.budget))

    return _with_line(run, node.lineno)


def _converted(node: nodes.Node) -> Node:
    try:
        return convert(node)
    except ExpressionError as error:
        raise error.located({"line": node.lineno}) from None


def _if(node: nodes.If, depth: int) -> Step:
    branches = [
        (compile_used(_converted(each.test)), compile_body(each.body, depth + 1)) for each in (node, *node.elif_)
    ]
    otherwise = compile_body(node.else_, depth + 1)

    def run(place: Place) -> None:
        frame = place.frame
        for test, body in branches:
            place.budget.step()
            if truth(test(frame)):
                body(place)
                return
        otherwise(place)

    return _with_line(run, node.lineno)


def _for(node: nodes.For, depth: int) -> Step:
    if node.recursive:
        raise ExpressionError(SYNTAX, "templates have no recursive loops")
    names = _targets(node.target)
    source = compile_used(_converted(node.iter))
    test = None if node.test is None else compile_used(_converted(node.test))
    body, otherwise = compile_body(node.body, depth + 1), compile_body(node.else_, depth + 1)

    def run(place: Place) -> None:
        budget = place.budget
        bound = [_bound(names, item) for item in as_items(source(place.frame), "for", budget)]
        if test is not None:
            budget.items(len(bound) * 2)
            bound = [each for each in bound if truth(test(Frame(place.scope.new_child(each), budget)))]
        if not bound:
            otherwise(place)
        count = len(bound)
        for index, each in enumerate(bound):
            budget.step(2)
            loop: dict[str, Value] = {
                "index": index + 1,
                "index0": index,
                "revindex": count - index,
                "revindex0": count - index - 1,
                "first": index == 0,
                "last": index == count - 1,
                "length": count,
            }
            each["loop"] = loop
            body(Place(place.scope.new_child(each), place.page, budget))

    return _with_line(run, node.lineno)


def _targets(target: nodes.Node) -> tuple[str, ...] | str:
    if isinstance(target, nodes.Name):
        return target.name
    if isinstance(target, nodes.Tuple) and target.items and all(isinstance(item, nodes.Name) for item in target.items):
        return tuple(item.name for item in target.items if isinstance(item, nodes.Name))
    raise ExpressionError(SYNTAX, "only names can be set, as in {% set x = … %} and {% for key, value in … %}")


def _bound(names: tuple[str, ...] | str, value: Value) -> dict[str, Value]:
    if isinstance(names, str):
        return {names: value}
    if type(value) is not list or len(value) != len(names):
        got = f"a list of {len(value)}" if type(value) is list else kind(value)
        raise ExpressionError(TYPE, f"{', '.join(names)} need a list of {len(names)} items, not {got}")
    return dict(zip(names, value, strict=True))


def _set(node: nodes.Assign) -> Step:
    names = _targets(node.target)
    value = compile_used(_converted(node.node))

    def run(place: Place) -> None:
        place.budget.step()
        place.scope.update(_bound(names, value(place.frame)))

    return _with_line(run, node.lineno)


def _set_block(node: nodes.AssignBlock, depth: int) -> Step:
    names = _targets(node.target)
    if not isinstance(names, str) or node.filter is not None:
        raise ExpressionError(SYNTAX, "{% set name %}…{% endset %} takes one name and no filter")
    body = compile_body(node.body, depth + 1)

    def run(place: Place) -> None:
        page = Page(place.budget)
        body(Place(place.scope.new_child(), page, place.budget))
        place.scope[names] = page.text()

    return _with_line(run, node.lineno)


def _with_line(step: Step, line: int) -> Step:
    def run(place: Place) -> None:
        try:
            step(place)
        except ExpressionError as error:
            raise error.located({"line": line}) from None

    return run


def start(data: Mapping[str, Value]) -> Scope:
    """The names of a template: the keys of its data, which stays as it is."""
    return ChainMap({}, dict(data))
