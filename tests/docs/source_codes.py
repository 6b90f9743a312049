"""The codes of errors and problems as the product's source says them, read from its syntax trees.

A code is given to a constructor whose parameter is called `code` (a class or a function; its place among the parameters is looked up), as
the member `code` of an object, or to `NotFound`, whose codes end in `.unknown`. A code that is put together keeps `*` where its parts vary:
`http.*`. What is only handed on (`error.code`) names none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PARTS = ("engine", "modules", "server", "workspace", "db", "copilot")
CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+|internal")
NAMES = ("code", "timeout_code")


Given = dict[tuple[str, str], list[ast.expr]]
"""What names were given, by file and name."""


@dataclass(frozen=True)
class Source:
    """One file: what its names were given, and from which files it imports others."""

    file: str
    tree: ast.Module
    given: dict[str, list[ast.expr]] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)

    def values(self, name: str, all_given: Given) -> list[ast.expr]:
        """What `name` may stand for here: what it was given in this file, or in the one that it is imported from."""
        return self.given.get(name) or all_given.get((self.imported.get(name, ""), name), [])


def source(file: str, text: str) -> Source:
    found = Source(file, ast.parse(text))
    for node in ast.walk(found.tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _note(found, target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            _note(found, node.target, node.value)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.imported.update({each.name: node.module.replace(".", "/") + ".py" for each in node.names})
    return found


def sources(root: Path) -> list[Source]:
    files = (file for part in PARTS for file in sorted((root / part).rglob("*.py")))
    return [source(str(file.relative_to(root)), file.read_text()) for file in files]


def codes(read: list[Source]) -> dict[str, str]:
    """Each code with one place that gives it."""
    places = dict(_parameters(read))
    given: Given = {(one.file, name): values for one in read for name, values in one.given.items()}
    found: dict[str, str] = {}
    for one in read:
        for line, expression in _given(one, places):
            for code in _texts(expression, one, given):
                found.setdefault(code, f"{one.file}:{line}")
        for node in ast.walk(one.tree):
            if isinstance(node, ast.Call) and _name(node.func) == "NotFound" and isinstance(node.args[0], ast.Constant):
                found.setdefault(f"{node.args[0].value}.unknown".replace(" ", "_"), f"{one.file}:{node.lineno}")
    return found


def _parameters(read: list[Source]) -> Iterator[tuple[str, int]]:
    """Where the parameter `code` stands, by the name of the function or class. A class without an own `__init__` has its base's."""
    bases: dict[str, list[str]] = {}
    own: dict[str, int | None] = {}
    for one in read:
        for node in ast.walk(one.tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [_name(base) for base in node.bases]
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                        own[node.name] = _place(item.args.args[1:])
                fields = [
                    item.target for item in node.body if isinstance(item, ast.AnnAssign) and _name(item.target) != ""
                ]
                if any(_name(base) == "dataclass" for base in _decorators(node)):
                    own[node.name] = next((at for at, item in enumerate(fields) if _name(item) == "code"), None)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "__init__":
                place = _place(node.args.args)
                if place is not None:
                    yield node.name, place
    for name in bases:
        place = _of_class(name, bases, own)
        if place is not None:
            yield name, place


def _of_class(name: str, bases: dict[str, list[str]], own: dict[str, int | None]) -> int | None:
    if name in own:
        return own[name]
    return next((place for base in bases.get(name, []) if (place := _of_class(base, bases, own)) is not None), None)


def _given(one: Source, places: dict[str, int]) -> Iterator[tuple[int, ast.expr]]:
    """Each expression of this file that is given as a code."""
    examples = {
        id(below)
        for node in ast.walk(one.tree)
        if isinstance(node, ast.Call) and _name(node.func) == "Example"
        for below in ast.walk(node)
    }
    for node in ast.walk(one.tree):
        if id(node) in examples:
            continue
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in places and name != "Finding":
                if len(node.args) > places[name] and not any(isinstance(each, ast.Starred) for each in node.args):
                    yield node.lineno, node.args[places[name]]
                yield from ((node.lineno, each.value) for each in node.keywords if each.arg in NAMES)
            elif name == "__init__":  # a subclass with a code of its own
                yield from ((node.lineno, each) for each in node.args if isinstance(each, ast.Constant))
            else:
                yield from ((node.lineno, each.value) for each in node.keywords if each.arg == "timeout_code")
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    yield node.lineno, value


def _texts(expression: ast.expr, one: Source, given: Given, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    match expression:
        case ast.Constant(value=str(text)):
            if CODE.fullmatch(text):
                yield text
        case ast.JoinedStr(values=values):
            text = "".join(_part(each, one, given) for each in values)
            if re.fullmatch(r"[a-z_.*]+\.[a-z_.*]+", text):
                yield text
        case ast.IfExp(body=body, orelse=orelse):
            for each in (body, orelse):
                yield from _texts(each, one, given, seen)
        case ast.BoolOp(values=values) | ast.Call(args=values):
            for each in values:
                yield from _texts(each, one, given, seen)
        case ast.Name(id=name) if name not in seen:
            for each in one.values(name, given):
                yield from _texts(each, one, given, seen | {name})
        case _:
            pass


def _part(part: ast.expr, one: Source, given: Given) -> str:
    """A part of a text that is put together: constants as they are, what varies as `*`."""
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
        values = one.values(part.value.id, given)
        part = values[0] if len(values) == 1 else part
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "*"


def _note(found: Source, target: ast.expr, value: ast.expr) -> None:
    if isinstance(target, ast.Name):
        found.given.setdefault(target.id, []).append(value)
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=False):
            _note(found, each, part)


def _place(parameters: list[ast.arg]) -> int | None:
    return next((at for at, each in enumerate(parameters) if each.arg == "code"), None)


def _decorators(node: ast.ClassDef) -> list[ast.expr]:
    return [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
