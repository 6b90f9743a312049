"""Merging of objects, lists and rows.

Values are merged from left to right (`deep` isn't associative: a number between two objects hides the first). Laws: merging
one value gives it back, and merging it again changes nothing; `shallow` is associative; `concat` keeps every element; an
inner join gives the pairs of a nested loop in that loop's order; left = inner ∪ anti, row for row of the left list.
"""

from __future__ import annotations

from collections.abc import Sequence

from modules.core.tables.keys import Key, key_of
from modules.sdk.declaration import Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

MOST_ROWS = 100_000
"""A join runs inside the workflow, which must stay quick: pairs beyond this are refused."""


def merge(inputs: JsonObject) -> Result:
    """Raises Rejected `input.invalid` for values that the strategy has no meaning for, `payload.too_large` for a join of too many rows."""
    given = inputs["values"]
    values = [value for value in given if value is not None] if isinstance(given, list) else []
    strategy = inputs.get("strategy", "deep")
    if strategy == "concat":
        return Result([item for part in _lists(values, "concat") for item in part])
    if strategy == "join":
        return Result(_join(inputs, values))
    merged: JsonObject = {}
    for part in _objects(values, str(strategy)):
        merged = {**merged, **part} if strategy == "shallow" else _deep(merged, part)
    return Result(merged)


def _deep(under: JsonObject, over: JsonObject) -> JsonObject:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _deep(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _join(inputs: JsonObject, values: Sequence[Json]) -> list[Json]:
    on = inputs.get("on")
    names = [on] if isinstance(on, str) else [str(name) for name in on] if isinstance(on, list) else []
    if not names:
        raise Rejected("input.invalid", "the strategy 'join' needs `on`, the key or keys that rows are matched by")
    tables = [_rows(table, position) for position, table in enumerate(_lists(values, "join"))]
    if not tables:
        return []
    how = str(inputs.get("how", "inner"))
    joined = tables[0]
    for right in tables[1:]:
        joined = _join_two(joined, right, names, how)
    return list(joined)


def _join_two(left: list[JsonObject], right: list[JsonObject], names: Sequence[str], how: str) -> list[JsonObject]:
    by_key: dict[Key, list[int]] = {}
    for position, row in enumerate(right):
        key = key_of([row.get(name) for name in names])
        if key is not None:
            by_key.setdefault(key, []).append(position)
    rows: list[JsonObject] = []
    matched: set[int] = set()
    for row in left:
        key = key_of([row.get(name) for name in names])
        positions = by_key.get(key, []) if key is not None else []
        if how == "anti":
            if not positions:
                rows.append(row)
            continue
        if len(rows) + len(positions) > MOST_ROWS:
            raise Rejected("payload.too_large", f"the join gives more than {MOST_ROWS} rows: `on` matches too many")
        rows.extend({**row, **right[position]} for position in positions)
        matched.update(positions)
        if not positions and how != "inner":
            rows.append(row)
    if how == "outer":
        rows.extend(row for position, row in enumerate(right) if position not in matched)
    return rows


def _objects(values: Sequence[Json], strategy: str) -> list[JsonObject]:
    found: list[JsonObject] = []
    for position, value in enumerate(values):
        if not isinstance(value, dict):
            raise Rejected("input.invalid", f"the strategy {strategy!r} merges objects; value {position} is none")
        found.append(value)
    return found


def _lists(values: Sequence[Json], strategy: str) -> list[list[Json]]:
    found: list[list[Json]] = []
    for position, value in enumerate(values):
        if not isinstance(value, list):
            raise Rejected("input.invalid", f"the strategy {strategy!r} takes lists; value {position} is none")
        found.append(value)
    return found


def _rows(table: list[Json], position: int) -> list[JsonObject]:
    rows: list[JsonObject] = []
    for index, row in enumerate(table):
        if not isinstance(row, dict):
            raise Rejected("input.invalid", f"a join matches objects; item {index} of list {position} is none")
        rows.append(row)
    return rows
