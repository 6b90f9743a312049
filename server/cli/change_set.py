"""A change set as lines: each with a mark, `+` added, `-` removed, `~` changed, `!` to be looked at, and a blank for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from engine.expressions.values import Json

Mark: TypeAlias = Literal["+", "-", "~", "!", " "]
_MARKS: dict[object, Mark] = {"added": "+", "removed": "-", "changed": "~"}
_LONGEST = 200


def lines_of(change_set: Json) -> Iterator[tuple[Mark, str]]:
    """Of whatever the copilot asks for; what isn't known here is left to `--json`."""
    whole = change_set if isinstance(change_set, dict) else {}
    yield from _diff(whole.get("diff"))
    yield from _list("stands out", whole.get("stands_out"), "!")
    for part in _objects(whole.get("parts")):
        yield " ", f"part {part.get('part')}: {part.get('title')}"
    yield from _list("finding", whole.get("findings"), "!")
    yield from _tests(whole.get("tests"))
    yield from _list("would do", whole.get("effects"), " ")
    yield from _list("not checked", whole.get("not_checked"), "!")


def _diff(diff: Json) -> Iterator[tuple[Mark, str]]:
    told = diff if isinstance(diff, dict) else {}
    for step in _objects(told.get("steps")):
        yield _MARKS.get(step.get("change"), " "), f"step {step.get('id')}"
        for change in _objects(step.get("inputs")):
            yield from _change(change, "    ")
    for edge in _objects(told.get("edges")):
        yield _MARKS.get(edge.get("change"), " "), f"edge {_short(edge.get('edge'))}"
    for change in _objects(told.get("other")):
        yield from _change(change, "")


def _change(change: dict[str, Json], indent: str) -> Iterator[tuple[Mark, str]]:
    path, kind = change.get("path"), change.get("change")
    if kind != "added":
        yield "-", f"{indent}{path}: {_short(change.get('from'))}"
    if kind != "removed":
        yield "+", f"{indent}{path}: {_short(change.get('to'))}"


def _tests(tests: Json) -> Iterator[tuple[Mark, str]]:
    if isinstance(tests, dict):
        failed = tests.get("failed")
        yield "!" if failed else " ", f"tests: {tests.get('passed')} passed, {failed} failed"


def _list(title: str, entries: Json, mark: Mark) -> Iterator[tuple[Mark, str]]:
    for entry in entries if isinstance(entries, list) else []:
        said = entry.get("text", entry.get("message")) if isinstance(entry, dict) else entry
        yield mark, f"{title}: {said if isinstance(said, str) else _short(entry)}"


def _objects(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
