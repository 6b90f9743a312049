"""The document's own tests name what exists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.expressions.values import Json
from engine.spec.finding import Code, Finding
from engine.spec.pointer import child
from engine.spec.subject import Subject

_INDEX = re.compile(r"\[[0-9]+\]")


def check(subject: Subject) -> Iterator[Finding]:
    tests = subject.document.get("tests")
    names: dict[str, int] = {}
    for index, test in enumerate(tests if isinstance(tests, list) else ()):
        if not isinstance(test, dict):
            continue
        at = child("/tests", index)
        name = test.get("name")
        if isinstance(name, str):
            if name in names:
                message = f"the test at /tests/{names[name]} has the same name, {name[:80]!r}"
                yield Finding(Code.TEST_NAME_TAKEN, f"{at}/name", message, "give each its own name", "warning")
            names.setdefault(name, index)
        trigger = test.get("trigger_id")
        if isinstance(trigger, str) and trigger not in subject.outline.triggers:
            message = f"there is no trigger {trigger!r}"
            hint = subject.suggest(trigger, subject.outline.triggers)
            yield Finding(Code.TEST_INVALID, f"{at}/trigger_id", message, hint)
        if "trigger" in test and "input" in test:
            message = "`trigger` and `input` both say what starts the run"
            yield Finding(Code.TEST_INVALID, f"{at}/input", message, "put the input into `trigger.body`")
        expect = test.get("expect")
        expected = expect if isinstance(expect, dict) else {}
        skipped = expected.get("skipped")
        for row, id_ in enumerate(skipped if isinstance(skipped, list) else ()):
            yield from _steps(subject, [id_], f"{at}/expect/skipped", row)
        yield from _steps(subject, _keys(expected.get("steps")), f"{at}/expect/steps")
        yield from _steps(subject, _keys(test.get("mocks")), f"{at}/mocks")


def _keys(value: Json) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _steps(subject: Subject, paths: Iterable[Json], at: str, row: int | None = None) -> Iterator[Finding]:
    """Each is a step's id, or a path such as `each_line[3].line`."""
    steps = subject.outline.steps
    for path in paths:
        if not isinstance(path, str):
            continue
        where = child(at, path if row is None else row)
        ids = _INDEX.sub("", path).split(".")
        unknown = next((id_ for id_ in ids if id_ not in steps), None)
        if unknown is not None:
            message = f"there is no step {unknown[:80]!r}"
            yield Finding(Code.TEST_INVALID, where, message, subject.suggest(unknown, steps))
        elif len(ids) > 1:
            chain = [container for container, _ in reversed(subject.outline.ancestors(ids[-1]))]
            if ids[:-1] != chain:
                right = ".".join([*chain, ids[-1]])
                message = f"{path[:80]!r} is not the path of a step"
                yield Finding(
                    Code.TEST_INVALID, where, message, f"{ids[-1]!r} is at `{right}`, with `[n]` after each loop"
                )
