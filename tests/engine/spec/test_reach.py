"""Reach against a second reading of the rule: slow, recursive, and written from the rule's own words."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.spec.document import JsonObject
from engine.spec.graph import graph_of
from engine.spec.outline import outline_of
from engine.spec.reach import reach_of
from modules.registry import load_registry

SLOTS = {
    "core.for_each": ["body"],
    "core.while": ["body"],
    "core.race": ["body"],
    "core.try": ["body", "catch", "finally"],
}


def random_document(chance: random.Random) -> JsonObject:
    steps: dict[str, JsonObject] = {}
    edges: list[dict[str, str]] = []
    for number in range(chance.randint(1, 14)):
        id_ = f"s{number}"
        step: JsonObject = {
            "module": chance.choice(["core.set", "core.set", "core.try", "core.try", *SLOTS]),
            "version": 1,
        }
        containers = [other for other, source in steps.items() if source["module"] in SLOTS]
        if containers and chance.random() < 0.7:
            parent = chance.choice(containers)
            step["parent"], step["slot"] = parent, chance.choice(SLOTS[str(steps[parent]["module"])])
        for other, source in steps.items():
            if (source.get("parent"), source.get("slot")) == (
                step.get("parent"),
                step.get("slot"),
            ) and chance.random() < 0.4:
                edges.append({"from": other, "to": id_})
        steps[id_] = step
    return {"steps": steps, "edges": edges}  # type: ignore[dict-item]


def may_read(document: JsonObject, reader: str, step: str) -> bool:
    steps: dict[str, dict[str, str]] = document["steps"]  # type: ignore[assignment]
    edges: list[dict[str, str]] = document["edges"]  # type: ignore[assignment]

    def upstream(here: str) -> set[str]:
        return {name for edge in edges if edge["to"] == here for name in {edge["from"]} | upstream(edge["from"])}

    def inside_tries(container: str, slots: tuple[str, ...] = ("body", "catch", "finally")) -> set[str]:
        if steps[container]["module"] != "core.try":
            return set()
        own = {name for name in steps if steps[name].get("parent") == container and steps[name]["slot"] in slots}
        return own | {inner for name in own for inner in inside_tries(name)}

    def readable(here: str) -> set[str]:
        before = upstream(here)
        found = before | {inner for name in before for inner in inside_tries(name)}
        parent = steps[here].get("parent")
        if parent is not None:
            found |= readable(parent)
            if steps[here]["slot"] in ("catch", "finally"):
                found |= inside_tries(parent, ("body",))
        return found

    return step in readable(reader)


@given(st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_reach_is_what_the_rule_says(chance: random.Random) -> None:
    document = random_document(chance)
    reach = reach_of(outline_of(document, load_registry()))
    for reader in reach.outline.steps:
        expected = {step for step in reach.outline.steps if may_read(document, reader, step)}
        assert reach.readable(reader) == expected
        assert all(reach.can_read(reader, step) == (step in expected) for step in reach.outline.steps)


EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(EDGES)
def test_upstream_and_cycles_are_those_of_a_slow_search(pairs: list[tuple[int, int]]) -> None:
    names = [str(number) for number in range(8)]
    edges = [(str(source), str(target)) for source, target in pairs]
    graph = graph_of(names, edges)
    reach = {name: {source for source, target in edges if target == name} for name in names}
    for _ in names:
        for name in names:
            reach[name] |= {far for near in reach[name] for far in reach[near]}
    for name in names:
        assert graph.names(graph.upstream[name]) == reach[name]
    assert {name for cycle in graph.cycles for name in cycle} == {name for name in names if name in reach[name]}
    if not graph.cycles:
        assert all(graph.order.index(source) < graph.order.index(target) for source, target in edges)
