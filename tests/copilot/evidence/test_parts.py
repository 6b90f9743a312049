"""Parts of a change: any of them make a document that is as valid as the two that it stands between."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from itertools import combinations
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.evidence.changes import changes_of, document_of
from copilot.evidence.parts import MOST, Part, parts_of
from engine.expressions.values import Json
from engine.spec.diff import diff
from engine.spec.finding import has_errors
from engine.spec.validate import validate
from tests.copilot.evidence.orders import REGISTRY, Raw, changed, orders


def valid(document: Json) -> bool:
    return not has_errors(validate(document, REGISTRY, None, "deploy"))


def parts(live: Raw | None, draft: Raw) -> list[Part]:
    return parts_of(live, draft, REGISTRY, valid)


def add(step: Raw, after: str | None = None) -> Callable[[Raw], object]:
    def change(document: Raw) -> None:
        id_ = f"s{len(document['steps'])}_{len(document['edges'])}"
        document["steps"][id_] = deepcopy(step)
        if after is not None:
            document["edges"].append({"from": after, "to": id_})

    return change


def remove(id_: str) -> Callable[[Raw], object]:
    def change(document: Raw) -> None:
        document["steps"].pop(id_, None)
        document["edges"] = [edge for edge in document["edges"] if id_ not in (edge["from"], edge["to"])]

    return change


def unset(document: Raw) -> None:
    document.pop("tests", None)


CHANGES: list[Callable[[Raw], object]] = [
    add({"module": "core.set", "inputs": {"values": {"v": "{{ steps.total.output.amount }}"}}}, "total"),
    add({"module": "core.set", "inputs": {"values": {"v": "{{ steps.sum.output.v }}"}}}, "sum"),
    add({"module": "http.request", "inputs": {"url": "https://other.example/"}}),
    remove("sum"),
    remove("tell"),
    remove("note"),
    unset,
    lambda d: d.update(title="A title"),
    lambda d: d.update(output="{{ steps.sum.output }}"),
    lambda d: d.update(output=None),
    lambda d: d.update(settings={"retention_days": 3}),
    lambda d: d["steps"]["total"]["inputs"]["values"].update(more="{{ vars.MORE }}"),
    lambda d: d.setdefault("requires", {}).update(variables=["MORE"]),
    lambda d: d["steps"].get("sum", {}).update(title="Sums"),
    lambda d: d["steps"].get("tell", {}).update(on_error="branch"),
    lambda d: d["edges"].append({"from": "tell", "handle": "error", "to": "note"}),
    lambda d: d["triggers"].update(daily={"module": "schedule.trigger", "inputs": {"every": "1d"}}),
    lambda d: d["edges"].append({"from": "daily", "to": "sum"}),
    lambda d: d["triggers"]["hook"]["inputs"].update(mode="sync"),
    lambda d: d.get("tests", [{}])[0].update(name="another name"),
    lambda d: d.get("tests", [{}])[-1].update(expect={"status": "succeeded"}),
    lambda d: d["edges"].reverse(),
    lambda d: d["input_schema"].update(required=["id"]),
]


@settings(max_examples=150)
@given(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=7), st.lists(st.sampled_from(CHANGES), max_size=3))
def test_every_combination_of_parts_is_valid_and_all_of_them_are_the_draft(
    wanted: list[Callable[[Raw], object]], before: list[Callable[[Raw], object]]
) -> None:
    live = orders()
    for change in before:
        live = changed(change, live)
    draft = live
    for change in wanted:
        draft = changed(change, draft)
    found = parts(live, draft)
    every = changes_of(live, draft)
    assert sorted(change for part in found for change in part.changes) == sorted(every), "each change is in one part"
    assert document_of(live, draft, every) == draft
    assert document_of(live, draft, []) == (live if every else draft)
    assert len(found) <= MOST
    if not (valid(live) and valid(draft)):
        assert len(found) <= 1
        return
    for size in range(len(found) + 1):
        for some in combinations(found, size):
            chosen = [change for part in some for change in part.changes]
            made = document_of(live, draft, chosen)
            assert valid(made), (chosen, validate(made, REGISTRY, None, "deploy"))
            assert sorted(changes_of(live, made)) == sorted(chosen), "these changes and no others"


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["steps", "edges", "triggers", "tests", "name", "from", "to", "a"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([*orders()]),
)
def test_any_json_is_taken(value: Json, key: str) -> None:
    broken = {**orders(), key: value}
    for live, draft in ((orders(), broken), (broken, orders()), (value, broken), (broken, value)):
        found = parts_of(live, draft, REGISTRY, valid)
        if isinstance(draft, dict):
            before = live if isinstance(live, dict) else {}
            for part in found:
                made = document_of(before, draft, part.changes)
                assert sorted(changes_of(before, made)) == sorted(part.changes)


def test_what_hangs_together_is_one_part_and_what_does_not_is_several() -> None:
    live = orders()

    def change(document: Raw) -> None:
        document["steps"]["extra"] = {"module": "core.set", "inputs": {"values": {"v": 1}}}
        document["edges"] += [{"from": "total", "to": "extra"}]
        document["output"] = "{{ steps.extra.output }}"
        document["tests"][0]["expect"] = {"output": {"v": 1}}
        document["steps"]["sum"]["inputs"]["source"] = "def main(input):\n    return {'v': 2}\n"
        document["title"] = "Orders"

    found = parts(live, changed(change))
    assert [sorted(part.changes) for part in found] == [
        [("step", "sum")],
        [("edge", "total", "out", "extra"), ("field", "output"), ("step", "extra"), ("test", "one")],
        [("field", "title")],
    ]
    only_code = document_of(live, changed(change), found[0].changes)
    compared = diff(live, only_code)
    assert [cast("Raw", step)["id"] for step in cast("list[Json]", compared["steps"])] == ["sum"]
    assert (compared["edges"], compared["other"]) == ([], [])


def test_a_step_put_between_two_others_is_one_part_with_the_edges_that_it_takes() -> None:
    def between(document: Raw) -> None:
        document["steps"]["mid"] = {"module": "core.set", "inputs": {"values": {"v": 1}}}
        document["edges"][1:2] = [{"from": "total", "to": "mid"}, {"from": "mid", "to": "check"}]

    found = parts(orders(), changed(between))
    assert [len(part.changes) for part in found] == [4]
    shown = found[0].to_json()
    assert {cast("Raw", edge)["change"] for edge in cast("list[Json]", shown["edges"])} == {"added", "removed"}


def test_what_was_never_live_is_one_part() -> None:
    assert [part.name for part in parts(None, orders())] == ["1"]
    assert parts(orders(), orders()) == []
