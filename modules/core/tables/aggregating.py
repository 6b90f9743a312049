"""Measures of groups.

Sums are exact as far as their result can be: of integers an integer, else the nearest float to the true sum, so the order of
items changes nothing. An integer beyond 64 bits becomes a float, as JSON here has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from modules.core.tables.keys import comparable
from modules.sdk.declaration import Result
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected


@dataclass(slots=True)
class _Group:
    keys: JsonObject
    items: list[tuple[int, JsonObject]] = field(default_factory=list["tuple[int, JsonObject]"])


def aggregate(inputs: JsonObject) -> Result:
    """Raises Rejected `input.invalid` for items that are no objects or values that a measure can't take."""
    items, attributes, measures = inputs["items"], inputs.get("group_by", []), inputs["measures"]
    if not isinstance(items, list) or not isinstance(attributes, list) or not isinstance(measures, dict):
        raise TypeError("the inputs were checked against the schema")
    names = [str(name) for name in attributes]
    for name in names:
        if name in measures:
            raise Rejected("input.invalid", f"the measure {name!r} has the name of an attribute in `group_by`")
    groups: dict[object, _Group] = {} if names else {(): _Group({})}
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise Rejected("input.invalid", f"`items` are objects; item {index} is none")
        values = [_at(item, name) for name in names]
        key = tuple(comparable(value) for value in values)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(dict(zip(names, values, strict=True)))
        group.items.append((index, item))
    return Result([{**group.keys, **_measured(group.items, measures)} for group in groups.values()])


def _measured(items: Sequence[tuple[int, JsonObject]], measures: JsonObject) -> JsonObject:
    return {name: _measure(name, items, measure) for name, measure in measures.items() if isinstance(measure, dict)}


def _measure(name: str, items: Sequence[tuple[int, JsonObject]], measure: JsonObject) -> Json:
    op, of = measure["op"], measure.get("of")
    if of is None:
        if op == "count":
            return len(items)
        raise Rejected("input.invalid", f"the measure {name!r} needs `of`, the attribute that {op} works on")
    found = [(index, value) for index, item in items if (value := _at(item, str(of))) is not None]
    if op == "count":
        return len(found)
    if op in ("min", "max"):
        return _extreme(name, found, least=op == "min")
    numbers: list[int | float] = []
    for index, value in found:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Rejected("input.invalid", f"the measure {name!r} adds numbers; {str(of)!r} of item {index} is none")
        numbers.append(value)
    if op == "sum":
        return _sum(name, numbers)
    return _average(name, numbers) if numbers else None


def _sum(name: str, numbers: Sequence[int | float]) -> int | float:
    total = sum(number for number in numbers if isinstance(number, int))
    floats = [number for number in numbers if isinstance(number, float)]
    if not floats and -(2**63) <= total < 2**64:
        return total
    try:
        return math.fsum([*floats, *_pieces(total)])
    except OverflowError:  # perhaps only on the way: what follows has no such limit
        exact = sum((Fraction(number) for number in floats), Fraction(total))
    try:
        return float(exact)
    except OverflowError:
        raise Rejected("input.invalid", f"the sum of the measure {name!r} is too large for a number") from None


def _pieces(total: int) -> list[float]:
    """Floats whose exact sum is the integer, which a single one would round."""
    pieces: list[float] = []
    while total:
        pieces.append(float(total))
        total -= int(pieces[-1])
    return pieces


def _average(name: str, numbers: Sequence[int | float]) -> float:
    whole = _whole(numbers)
    if whole is not None:
        return sum(whole) / len(whole)
    return _sum(name, numbers) / len(numbers)


def _whole(numbers: Sequence[int | float]) -> list[int] | None:
    """The numbers as integers, if all are."""
    whole = [number for number in numbers if isinstance(number, int)]
    return whole if len(whole) == len(numbers) else None


def _extreme(name: str, found: Sequence[tuple[int, Json]], *, least: bool) -> Json:
    numbers: list[int | float] = []
    texts: list[str] = []
    for index, value in found:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            numbers.append(value)
        else:
            raise Rejected("input.invalid", f"the measure {name!r} compares numbers or texts; item {index} has neither")
    if numbers and texts:
        raise Rejected("input.invalid", f"the measure {name!r} can't compare numbers with texts")
    if numbers:
        return min(numbers) if least else max(numbers)
    if texts:
        return min(texts) if least else max(texts)
    return None


def _at(item: JsonObject, path: str) -> Json:
    """The value at a dotted path, null where a link is missing. A key that has the dots in it is found first."""
    if path in item:
        return item[path]
    value: Json = item
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
