"""`core.merge` against its laws and a nested loop."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.merge import MODULE
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError
from tests.modules.values import OBJECTS, VALUES


def merge(*values: Json, **inputs: Json) -> Json:
    assert MODULE.pure is not None
    return MODULE.pure({"values": list(values), **inputs}).output


ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "k": st.sampled_from([1, 1.0, 2, True, "1", None, [1], {"a": 1}]),
            "m": st.integers(0, 1),
            "v": st.integers(),
        },
    ),
    max_size=6,
)


@given(OBJECTS, OBJECTS, OBJECTS, st.sampled_from(["deep", "shallow"]))
@settings(max_examples=100)
def test_objects_are_merged_from_left_to_right(a: JsonObject, b: JsonObject, c: JsonObject, strategy: str) -> None:
    whole = merge(a, b, c, strategy=strategy)
    assert whole == merge(merge(a, b, strategy=strategy), c, strategy=strategy)
    assert merge(a, strategy=strategy) == a
    assert merge(a, a, strategy=strategy) == a
    assert merge(None, a, None, strategy=strategy) == a
    if strategy == "shallow":
        assert whole == merge(a, merge(b, c, strategy=strategy), strategy=strategy)


def test_deep_and_shallow_differ_below_the_first_level() -> None:
    one: Json = {"a": {"x": 1, "l": [1, 2]}, "b": 1}
    two: Json = {"a": {"y": 2, "l": [3]}, "b": None}
    assert merge(one, two) == {"a": {"x": 1, "y": 2, "l": [3]}, "b": None}
    assert merge(one, two, strategy="shallow") == {"a": {"y": 2, "l": [3]}, "b": None}


@given(st.lists(st.lists(VALUES, max_size=4), max_size=4))
@settings(max_examples=50)
def test_concat_keeps_every_element(lists: list[list[Json]]) -> None:
    assert merge(*lists, strategy="concat") == [item for part in lists for item in part]


def matches(one: JsonObject, other: JsonObject, names: Sequence[str]) -> bool:
    def same(a: Json, b: Json) -> bool:
        return a is not None and b is not None and isinstance(a, bool) == isinstance(b, bool) and a == b

    return all(same(one.get(name), other.get(name)) for name in names)


@given(ROWS, ROWS, st.sampled_from(["k", ["k"], ["k", "m"]]))
@settings(max_examples=200)
def test_joins_are_those_of_a_nested_loop(left: list[JsonObject], right: list[JsonObject], on: Json) -> None:
    names = [on] if isinstance(on, str) else [str(name) for name in on] if isinstance(on, list) else []
    pairs = {i: [{**row, **other} for other in right if matches(row, other, names)] for i, row in enumerate(left)}
    alone = [other for other in right if not any(matches(row, other, names) for row in left)]
    inner = [pair for i in pairs for pair in pairs[i]]
    with_left = [pair for i in pairs for pair in (pairs[i] or [left[i]])]
    assert merge(left, right, strategy="join", on=on) == inner
    assert merge(left, right, strategy="join", on=on, how="inner") == inner
    assert merge(left, right, strategy="join", on=on, how="left") == with_left
    assert merge(left, right, strategy="join", on=on, how="outer") == [*with_left, *alone]
    assert merge(left, right, strategy="join", on=on, how="anti") == [left[i] for i in pairs if not pairs[i]]


@pytest.mark.parametrize(
    ("values", "inputs"),
    [
        ([[1], {}], {}),
        ([{}, 1], {"strategy": "shallow"}),
        ([{}, []], {"strategy": "concat"}),
        ([[{}], [{}]], {"strategy": "join"}),
        ([[1], [{}]], {"strategy": "join", "on": "k"}),
        ([{}, [{}]], {"strategy": "join", "on": "k"}),
    ],
)
def test_what_cannot_be_merged_is_named(values: list[Json], inputs: JsonObject) -> None:
    with pytest.raises(ModuleError) as caught:
        merge(*values, **inputs)
    assert caught.value.code == "input.invalid"


def test_a_join_that_explodes_is_refused() -> None:
    rows: list[Json] = [{"k": 1} for _ in range(1000)]
    with pytest.raises(ModuleError) as caught:
        merge(rows, rows, strategy="join", on="k")
    assert caught.value.code == "payload.too_large"
