"""Another id for a step: edges, containers, tests, layout and every expression that reads it follow.

Which texts read it is told by the validator's own walk (`engine/spec/uses.py`), so what is never parsed (sources,
templates, literals) stays as it is. A text is changed where it names the step and nowhere else, and then compiled
again: it must read what it read before, but for the id. Where that can't be had, the operation is refused rather than
half done.
"""

from __future__ import annotations

import re

from copilot.edits.operation import Arguments, Draft, JsonObject, Operation, Refused, text
from copilot.edits.steps import new_id
from engine.expressions.errors import ExpressionError
from engine.expressions.template import compile_value
from engine.expressions.values import Json
from engine.spec.outline import outline_of
from engine.spec.pointer import tokens_of
from engine.spec.uses import uses_of

_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""


def _rename(draft: Draft, given: Arguments) -> None:
    old, new = text(given, "id"), text(given, "to")
    draft.step(old)
    new_id(draft, new)
    _follow_expressions(draft, old, new)
    steps = draft.section("steps")
    draft.document["steps"] = {new if id_ == old else id_: step for id_, step in steps.items()}
    for step in draft.section("steps").values():
        if isinstance(step, dict) and step.get("parent") == old:
            step["parent"] = new
    for row in draft.rows("edges"):
        if isinstance(row, dict):
            for end in ("from", "to"):
                if row.get(end) == old:
                    row[end] = new
    layout = draft.document.get("layout")
    if isinstance(layout, dict) and old in layout:
        draft.document["layout"] = {new if id_ == old else id_: place for id_, place in layout.items()}
    tests = draft.document.get("tests")
    for test in tests if isinstance(tests, list) else ():
        if isinstance(test, dict):
            _follow_test(test, old, new)


def _follow_expressions(draft: Draft, old: str, new: str) -> None:
    found = uses_of(draft.document, outline_of(draft.document, draft.catalog))
    for broken in found.broken:
        if re.search(rf"\bsteps\b.{{0,6}}\b{re.escape(old)}\b", str(_at(draft.document, broken.path))):
            raise Refused(f"The expression at {broken.path} can't be read, so it can't follow: mend it first.")
    for path in dict.fromkeys(use.path for use in found.uses if use.reference.path[:2] == ("steps", old)):
        source = _at(draft.document, path)
        if not isinstance(source, str):
            raise Refused(
                f"What stands at {path} reads {old!r} in a way that can't be followed: change it by hand first."
            )
        changed = renamed(source, old, new)
        if _reads(source, old, new) != _reads(changed, old, old):
            raise Refused(
                f"The expression at {path} reads {old!r} in a way that can't be followed: change it by hand first."
            )
        _set_at(draft.document, path, changed)


def renamed(source: str, old: str, new: str) -> str:
    """The text with `steps.old` and `steps['old']` as the new name, inside of its expressions and outside of their strings."""
    name = re.escape(old)
    token = re.compile(
        rf"(?<![\w.])(?P<dot>steps\s*\.\s*){name}(?!\w)|(?<![\w.])(?P<open>steps\s*\[\s*(?P<quote>['\"])){name}(?P=quote)(?=\s*\])"
        rf"|{_STRING}|(?P<mark>[\[\](){{}}])",
        re.DOTALL,
    )
    pieces: list[str] = []
    position = 0
    while True:
        start = source.find("{{", position)
        if start < 0:
            return "".join([*pieces, source[position:]])
        pieces.append(source[position : start + 2])
        position, depth = start + 2, 0
        while True:
            match = token.search(source, position)
            if match is None:
                return "".join([*pieces, source[position:]])
            pieces.append(source[position : match.start()])
            position = match.end()
            if match["dot"] or match["open"]:
                # The quote that closes is part of the match, lest it be taken for one that opens.
                pieces.append(f"{match['dot'] or match['open']}{new}{match['quote'] or ''}")
                continue
            pieces.append(match[0])
            if match["mark"] is not None and match["mark"] in "[({":
                depth += 1
            elif match["mark"] is not None:
                if depth == 0:
                    break
                depth -= 1


def _reads(source: str, old: str, new: str) -> list[tuple[object, ...]] | None:
    """What a text reads, with the old id as the new one."""
    try:
        references = compile_value(source).references
    except ExpressionError:
        return None
    return [
        (
            ("steps", new, *reference.path[2:]) if reference.path[:2] == ("steps", old) else reference.path,
            reference.guarded,
            reference.dynamic,
            reference.filtered,
        )
        for reference in references
    ]


def _follow_test(test: JsonObject, old: str, new: str) -> None:
    mocks = test.get("mocks")
    if isinstance(mocks, dict):
        test["mocks"] = {_path(path, old, new): mock for path, mock in mocks.items()}
    expect = test.get("expect")
    if isinstance(expect, dict):
        steps, skipped = expect.get("steps"), expect.get("skipped")
        if isinstance(steps, dict):
            expect["steps"] = {_path(path, old, new): row for path, row in steps.items()}
        if isinstance(skipped, list):
            expect["skipped"] = [_path(path, old, new) if isinstance(path, str) else path for path in skipped]


def _path(path: str, old: str, new: str) -> str:
    """A step's id, or a path such as `each_line[3].line`."""
    return ".".join(
        new + part[len(old) :] if re.fullmatch(rf"{re.escape(old)}(\[\d+\])?", part) else part
        for part in path.split(".")
    )


def _at(document: Json, path: str) -> Json:
    here = document
    for token in tokens_of(path):
        if isinstance(here, dict):
            here = here.get(token)
        elif isinstance(here, list) and token.isdigit() and int(token) < len(here):
            here = here[int(token)]
        else:
            return None
    return here


def _set_at(document: JsonObject, path: str, value: Json) -> None:
    *above, last = tokens_of(path)
    here: Json = document
    for token in above:
        here = here[token] if isinstance(here, dict) else here[int(token)] if isinstance(here, list) else None
    if isinstance(here, dict):
        here[last] = value
    elif isinstance(here, list):
        here[int(last)] = value


OPERATIONS = (Operation("rename_step", "another id; edges and expressions follow", _rename, ("id", "to")),)
