"""Which changes hang together: one that reads, contains, mocks or leads to what another one changes.

Said of either document: what was removed hung together too. That nothing is missed isn't claimed; `parts.py` tries each combination.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from copilot.evidence.changes import Change
from engine.expressions.values import Json
from engine.spec.catalog import Catalog
from engine.spec.document import JsonObject
from engine.spec.outline import outline_of
from engine.spec.pointer import tokens_of
from engine.spec.uses import uses_of

_INDEX: Final = re.compile(r"\[[0-9]+\]")
_ABOUT: Final = ("title", "description", "name", "layout")
"""Fields that change nothing of what it does: together they are one."""


def linked(
    changes: Iterable[Change], documents: Iterable[JsonObject], catalog: Catalog
) -> Iterator[tuple[Change, Change]]:
    """Pairs, of `changes` alone."""
    known = dict.fromkeys(changes)
    pairs = [*_edges(known), *_about(known)]
    for document in documents:
        pairs += _nodes(document, catalog)
        pairs += _references(document, catalog)
        pairs += _tests(document)
    yield from ((one, other) for one, other in pairs if one in known and other in known and one != other)


def groups(changes: Iterable[Change], pairs: Iterable[tuple[Change, Change]]) -> list[list[Change]]:
    """The changes in sets that no pair joins, in their order."""
    root = {change: change for change in changes}

    def top(change: Change) -> Change:
        while root[change] != change:
            root[change] = root[root[change]]
            change = root[change]
        return change

    for one, other in pairs:
        root[top(other)] = top(one)
    found: dict[Change, list[Change]] = {}
    for change in root:
        found.setdefault(top(change), []).append(change)
    return list(found.values())


def _edges(changes: Iterable[Change]) -> Iterator[tuple[Change, Change]]:
    """An edge goes with the ends of it that changed, and with the edge whose place it takes: from the same step, or to the same one."""
    before: dict[tuple[str, str], Change] = {}
    for change in changes:
        if change[0] != "edge":
            continue
        _, source, _, target = change
        for end in (("step", source), ("trigger", source), ("step", target)):
            yield end, change
        for side in (("from", source), ("to", target)):
            yield before.setdefault(side, change), change


def _about(changes: Iterable[Change]) -> Iterator[tuple[Change, Change]]:
    fields = [change for change in changes if change[0] == "field" and change[1] in _ABOUT]
    yield from ((fields[0], other) for other in fields[1:])


def _nodes(document: JsonObject, catalog: Catalog) -> Iterator[tuple[Change, Change]]:
    outline = outline_of(document, catalog)
    for node in (*outline.steps.values(), *outline.triggers.values()):
        own: Change = ("trigger" if node.is_trigger else "step", node.id)
        if node.parent is not None:
            yield ("step", node.parent), own
        if node.text("connection") is not None:
            yield ("field", "requires"), own


def _references(document: JsonObject, catalog: Catalog) -> Iterator[tuple[Change, Change]]:
    for use in uses_of(document, outline_of(document, catalog)).uses:
        own = _owner(use.path)
        path = use.reference.path
        match path[0]:
            case "steps" if len(path) > 1 and isinstance(path[1], str):
                yield ("step", path[1]), own
            case "vars":
                yield ("field", "requires"), own
            case "input":
                yield ("field", "input_schema"), own
            case _:
                pass


def _owner(pointer: str) -> Change:
    tokens = tokens_of(pointer)
    if len(tokens) > 1 and tokens[0] in ("steps", "triggers"):
        return (tokens[0][:-1], tokens[1])
    return ("field", tokens[0] if tokens else "")


def _tests(document: JsonObject) -> Iterator[tuple[Change, Change]]:
    tests = document.get("tests")
    for test in tests if isinstance(tests, list) else []:
        if not isinstance(test, dict):
            continue
        name = test.get("name")
        own: Change = ("test", name) if isinstance(name, str) else ("field", "tests")
        for one in (own, ("field", "tests")):
            yield ("field", "output"), one
            for id_ in _named(test):
                yield ("step", id_), one
            yield ("trigger", str(test.get("trigger_id"))), one


def _named(test: JsonObject) -> Iterator[str]:
    """Ids of steps, also of those around them."""
    expect = _object(test.get("expect"))
    skipped = expect.get("skipped")
    paths: list[Json] = [*_object(test.get("mocks")), *_object(expect.get("steps"))]
    for path in (*paths, *(skipped if isinstance(skipped, list) else [])):
        if isinstance(path, str):
            yield from _INDEX.sub("", path).split(".")


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
