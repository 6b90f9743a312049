"""`core.aggregate`: groups and measures."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modules.core.aggregate import MODULE
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError

ALL: JsonObject = {
    "n": {"op": "count"},
    "have": {"op": "count", "of": "v"},
    "sum": {"op": "sum", "of": "v"},
    "avg": {"op": "avg", "of": "v"},
    "min": {"op": "min", "of": "v"},
    "max": {"op": "max", "of": "v"},
}


def aggregate(items: list[Json], measures: JsonObject, **inputs: Json) -> Json:
    assert MODULE.pure is not None
    return MODULE.pure({"items": items, "measures": measures, **inputs}).output


def test_of_nothing() -> None:
    nothing = {"n": 0, "have": 0, "sum": 0, "avg": None, "min": None, "max": None}
    assert aggregate([], ALL) == [nothing]
    assert aggregate([], ALL, group_by=["g"]) == []
    assert aggregate([{}, {"v": None}], ALL) == [{**nothing, "n": 2}]


def test_groups_stand_in_the_order_of_their_first_item() -> None:
    items: list[Json] = [{"g": {"id": 2}}, {"g": {"id": True}}, {"g": {"id": 2.0}}, {}, {"g.id": "x"}]
    count: JsonObject = {"n": {"op": "count"}}
    assert aggregate(items, count, group_by=["g.id"]) == [
        {"g.id": 2, "n": 2},
        {"g.id": True, "n": 1},
        {"g.id": None, "n": 1},
        {"g.id": "x", "n": 1},
    ]


@given(
    st.lists(st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)
)
@settings(max_examples=200)
@example([1.7e308, 1.7e308, -1.7e308])
@example([2**63 - 1, 1.0, -(2**63)])
def test_sums_are_exact_and_do_not_depend_on_the_order(numbers: list[int | float]) -> None:
    items: list[Json] = [{"v": number} for number in numbers]
    exact = sum(Fraction(number) for number in numbers)
    whole = all(isinstance(number, int) for number in numbers)
    try:
        expected = int(exact) if whole and -(2**63) <= exact < 2**64 else float(exact)
    except OverflowError:
        with pytest.raises(ModuleError):
            aggregate(items, ALL)
        return
    [row] = rows = aggregate(items, ALL)  # type: ignore[misc] one group is a list of one
    assert isinstance(row, dict)
    assert row["sum"] == expected
    assert (row["min"], row["max"], row["n"]) == (min(numbers), max(numbers), len(numbers))
    assert aggregate(items[::-1], ALL) == rows


@given(st.lists(st.fixed_dictionaries({"g": st.sampled_from(["a", "b", None]), "v": st.integers(0, 9)}), max_size=15))
@settings(max_examples=100)
def test_groups_make_up_the_whole(items: list[Json]) -> None:
    measures: JsonObject = {"n": {"op": "count"}, "sum": {"op": "sum", "of": "v"}}
    [whole] = aggregate(items, measures)  # type: ignore[misc]
    parts = aggregate(items, measures, group_by=["g"])
    assert isinstance(parts, list)
    for name in measures:
        assert sum(part[name] for part in parts) == whole[name]  # type: ignore[index,call-overload]


def test_texts_have_a_first_and_a_last() -> None:
    measures: JsonObject = {"first": {"op": "min", "of": "v"}, "last": {"op": "max", "of": "v"}}
    assert aggregate([{"v": "b"}, {"v": "a"}], measures) == [{"first": "a", "last": "b"}]


@pytest.mark.parametrize(
    ("items", "measure"),
    [
        ([1], {"op": "count"}),
        ([{"v": "1"}], {"op": "sum", "of": "v"}),
        ([{"v": True}], {"op": "avg", "of": "v"}),
        ([{"v": 1}, {"v": "1"}], {"op": "min", "of": "v"}),
        ([{"v": []}], {"op": "max", "of": "v"}),
        ([{"v": 1}], {"op": "sum"}),
        ([{"v": 1.7e308}, {"v": 1.7e308}], {"op": "sum", "of": "v"}),
    ],
)
def test_what_cannot_be_measured_is_named(items: list[Json], measure: Json) -> None:
    with pytest.raises(ModuleError) as caught:
        aggregate(items, {"m": measure})
    assert caught.value.code == "input.invalid"


def test_a_measure_cannot_hide_a_group() -> None:
    with pytest.raises(ModuleError):
        aggregate([{"g": 1}], {"g": {"op": "count"}}, group_by=["g"])
