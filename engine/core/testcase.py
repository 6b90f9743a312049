"""What a test of a document expects, held against how the run of it went.

`expect` is `{status, output, error: {code}, skipped, steps: {id: {status, output, handle}}}`. Objects must be
contained in what came, lists must be equal, `skipped`
names some of the skipped steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from engine.core.records import RunEnd, StepRecord, StepStatus
from engine.expressions.nearest import nearest
from engine.expressions.values import Json, to_json


@dataclass(frozen=True, slots=True)
class Failure:
    """`path` is a JSON Pointer into `expect`; `got` null where nothing came."""

    path: str
    expected: Json
    got: Json

    def to_json(self) -> dict[str, Json]:
        return {"path": self.path, "expected": self.expected, "got": self.got}


def failures(expect: Mapping[str, Json], end: RunEnd, records: Iterable[StepRecord]) -> Sequence[Failure]:
    """What isn't as expected; empty where the test passed. `records` are all rows of the run, later ones over earlier ones."""
    found: list[Failure] = []
    rows = last_rows(records)
    if "status" in expect:
        _compare(found, "/status", expect["status"], end.status.value)
    elif "error" not in expect and end.error is not None:
        # a test that expects nothing of the status doesn't mean to pass on a failed run
        found.append(Failure("/status", "succeeded", _text(end)))
    if "output" in expect:
        _compare(found, "/output", expect["output"], to_json(end.output))
    if "error" in expect:
        _compare(found, "/error", expect["error"], None if end.error is None else cast("Json", end.error.to_json()))
    skipped = expect.get("skipped")
    for position, id_ in enumerate(skipped if isinstance(skipped, list) else []):
        row = rows.get(id_) if isinstance(id_, str) else None
        if row is None or row.status is not StepStatus.SKIPPED:
            found.append(Failure(f"/skipped/{position}", id_, _status(row)))
    steps = expect.get("steps")
    for id_, wanted in (steps if isinstance(steps, dict) else {}).items():
        _compare_step(found, id_, wanted, rows)
    return found


def last_rows(records: Iterable[StepRecord]) -> dict[str, StepRecord]:
    """By path, and of steps that were carried out in one place only by id too: the row of the last attempt."""
    rows: dict[str, StepRecord] = {}
    for record in records:
        known = rows.get(record.path)
        if known is None or record.attempt >= known.attempt:
            rows[record.path] = record
    for record in list(rows.values()):
        rows.setdefault(record.step, record)
    return rows


def contained(expected: Json, got: Json) -> bool:
    """Whether `got` is what was expected: objects may have more keys, lists are equal, numbers by value, and true isn't 1."""
    if isinstance(expected, dict):
        return isinstance(got, dict) and all(key in got and contained(item, got[key]) for key, item in expected.items())
    return same(expected, got)


def same(one: Json, other: Json) -> bool:
    """Whether two JSON values are equal; a boolean is no number."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _compare(found: list[Failure], path: str, expected: Json, got: Json) -> None:
    """Goes into objects, so that a failure names the smallest part that differs."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in got:
                found.append(Failure(below, value, None))
            else:
                _compare(found, below, value, got[key])
    elif not contained(expected, got):
        found.append(Failure(path, expected, got))


def _compare_step(found: list[Failure], id_: str, wanted: Json, rows: Mapping[str, StepRecord]) -> None:
    row = rows.get(id_)
    if not isinstance(wanted, dict):
        return
    if row is None:
        near = nearest(id_, rows)
        found.append(
            Failure(f"/steps/{id_}", wanted, None if near is None else f"no such row; the nearest is {near!r}")
        )
        return
    got: dict[str, Json] = {
        "status": row.status.value,
        "output": to_json(row.output),
        "handle": row.handle,
        "error": None if row.error is None else cast("Json", row.error.to_json()),
    }
    _compare(found, f"/steps/{id_}", wanted, {key: got.get(key) for key in wanted})


def _status(row: StepRecord | None) -> Json:
    return None if row is None else row.status.value


def _text(end: RunEnd) -> str:
    return end.status.value if end.error is None else f"{end.status.value}: {end.error.code}: {end.error.message}"
