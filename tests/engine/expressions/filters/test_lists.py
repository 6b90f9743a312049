from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.expressions.evaluating import evaluate, failure

lists = st.lists(st.integers(-9, 9) | st.text(alphabet="abAB", max_size=3), max_size=12)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("[1, [2, [3, [4]]]]|flatten(2)", [1, 2, 3, [4]]),
        ("[[1], [[2]]]|flatten(0)", [[1], [[2]]]),
        ("[1, [2]]|flatten(depth=9)", [1, 2]),
        ("[1, 2, 3]|zip(['a', 'b'], [true])", [[1, "a", True]]),
        ("'ab'|zip([1, 2])", [["a", 1], ["b", 2]]),
        ("[]|chunk(2)", []),
        ("[1, true, 1.0, '1', none, none]|unique", [1, True, "1", None]),
        ("[[1], [1.0], [true], {'a': 1}, {'a': 1}]|unique", [[1], [True], {"a": 1}]),
        ("['b', 'A', 'a']|sort", ["A", "a", "b"]),
        ("['b', 'A', 'a']|sort(case_sensitive=true)", ["A", "a", "b"]),
        ("[[2], [1, 5]]|sort", [[1, 5], [2]]),
        ("[true, false]|sort", [False, True]),
        ("[2, 1.5, 10]|sort", [1.5, 2, 10]),
        ("['b', 'A']|sort_by('')|length", 2),
        ("{'b': {'y': 2}, 'a': 1}|merge({'b': {'x': 1}})", {"b": {"x": 1}, "a": 1}),
        ("{'a': {'x': 1}}|merge({'a': 5}, true)", {"a": 5}),
        ("{'a': 1, 'b': 2, 'c': 3}|pick(['c', 'a'])", {"c": 3, "a": 1}),
        ("{'a': 1, 'b': 2}|omit('a', ['b', 'z'])", {}),
        ("[{'a': {'b': [5]}}]|map(attribute='a.b.0')", [5]),
        ("[[1, 2], [3, 4]]|map(attribute=1)", [2, 4]),
        ("[[], [1]]|map('default', 'e', true)", ["e", [1]]),
        ("[{'k': 1}, {'k': 1.0}, {'k': true}]|group_by('k')|map(attribute='items')|map('length')", [2, 1]),
        ("{'x': 1}|first", "x"),
        ("'ab'|last", "b"),
        ("[3, 'b']|select('string')", ["b"]),
        ("[]|sum", 0),
        ("[0.1, 0.2]|sum", 0.30000000000000004),
        ("[]|map('upper')", []),
        ("'ab'|map('upper')", ["A", "B"]),
        ("[{'a': 1, 'b': 2}, {'a': 1, 'b': 1}]|sort(attribute='a,b')|map(attribute='b')", [1, 2]),
        ("['a', 'B']|max", "B"),
        ("{'a': 2}|items|first|last", 2),
        ("[1, 2, 3, 4]|select('in', [2, 4])", [2, 4]),
        ("[1]|batch(3, none)", [[1]]),
        ("[1, 2]|slice(3, 0)", [[1], [2], [0]]),
    ],
)
def test_gives(source: str, value: object) -> None:
    assert repr(evaluate(source)) == repr(value)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("5|first", "type"),
        ("none|length", "type"),
        ("[1, 'a']|sort", "type"),
        ("[1, none]|min", "type"),
        ("[{}]|max", "type"),
        ("[true, 1]|sort", "type"),
        ("['a']|sum", "type"),
        ("[true]|sum", "type"),
        ("[1]|chunk(0)", "value"),
        ("[1]|batch(10 ** 9)", "value"),
        ("[1]|slice(0)", "value"),
        ("[1e308, 1e308]|sum", "value"),
        ("[18446744073709551615, 1]|sum", "value"),
        ("[{}]|sort(attribute='x')", "undefined"),
        ("[[]]|map('first')", "undefined"),
        ("[1]|map(x)", "filter"),
        ("[1]|map", "filter"),
        ("[1]|map('select')", "filter"),
        ("[1]|select(x)", "filter"),
        ("[1]|selectattr", "filter"),
        ("[1]|map('upper', 1)", "filter"),
        ("[1]|select('eq')", "filter"),
        ("[1]|select('odd', 1)", "filter"),
        ("[1]|map(attribute='a', x=1)", "filter"),
        ("[1]|select(x=1)", "filter"),
        ("[1]|map(attribute=none)", "type"),
        ("[{}]|map(attribute='x' * 2000)", "value"),
        ("[1]|keys", "type"),
        ("{}|merge([])", "type"),
        ("{}|pick(1)", "type"),
        ("{}|dictsort(by='x')", "value"),
        ("[1]|items", "type"),
        ("[1]|zip(5)", "type"),
        ("['ab']|select('odd')", "type"),
        ("[1]|selectattr('a')|first", "undefined"),
        ("[1]|random", "filter"),
        ("[1]|groupby('a')", "filter"),
    ],
)
def test_refuses(source: str, code: str) -> None:
    assert failure(source).code == f"expression.{code}"


@given(lists, st.integers(1, 5))
def test_chunks_put_together_are_the_list(items: list[Any], size: int) -> None:
    assert evaluate("a|chunk(n)|flatten", a=items, n=size) == items
    assert evaluate("a|slice(n)|flatten", a=items, n=size) == items
    assert all(len(row) <= size for row in evaluate("a|chunk(n)", a=items, n=size))


@given(st.lists(st.integers(-3, 3), max_size=12))
def test_grouping_keeps_each_item_once_and_in_order(numbers: list[int]) -> None:
    rows = [{"k": number, "i": index} for index, number in enumerate(numbers)]
    groups = evaluate("a|group_by('k')", a=rows)
    assert [group["key"] for group in groups] == list(dict.fromkeys(numbers))
    for group in groups:
        assert group["items"] == [row for row in rows if row["k"] == group["key"]]
    assert evaluate("a|sort_by('k')", a=rows) == sorted(rows, key=lambda row: row["k"])


@given(lists)
def test_select_and_reject_share_the_list(items: list[Any]) -> None:
    kept, left = evaluate("a|select('number')", a=items), evaluate("a|reject('number')", a=items)
    assert len(kept) + len(left) == len(items)
    assert kept == [item for item in items if isinstance(item, int)]


def test_data_are_never_changed() -> None:
    data = {"a": [3, 1, [2]], "o": {"x": {"y": 1}}}
    for source in (
        "a|reverse",
        "a[:1] + [9]",
        "a|batch(2, 0)",
        "o|merge({'x': {'z': 1}}, true)",
        "a|flatten",
        "a|slice(2, 0)",
        "a * 2",
        "o|omit('x')",
    ):
        evaluate(source, **data)
    assert data == {"a": [3, 1, [2]], "o": {"x": {"y": 1}}}
