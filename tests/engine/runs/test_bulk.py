"""Many runs by a filter: what is said before is what is done, and what was cut short is made again without doing anything twice."""

from functools import partial
from uuid import UUID

import pytest

from db.ids import RunId
from engine.expressions.values import Json
from engine.problems import Invalid, Problem
from tests.engine.runs.stack import Document, Stack
from tests.fixtures.flows import flow, step

WRITES = flow(
    "{{ steps.a.output.value }}",
    name="writes",
    a=step("kv.increment", key="a"),
    each=step("core.for_each", items=[1, 2], after="a"),
    b=step("kv.increment", key="b", parent="each"),
)


async def ended(stack: Stack, told: Document) -> None:
    run_ids = told["run_ids"]
    assert isinstance(run_ids, list)
    for run_id in run_ids:
        assert (await stack.end(str(run_id))).status == "succeeded"


def effects(told: Document) -> dict[tuple[str, str], int]:
    listed = told["effects"]
    assert isinstance(listed, list)
    return {(str(one["workflow"]), str(one["step"])): int(str(one["count"])) for one in listed if isinstance(one, dict)}


async def value(stack: Stack, key: str) -> object:
    name = await stack.define(flow("{{ steps.g.output.value }}", name=f"look-{key}", g=step("kv.get", key=key)))
    return (await stack.run(name)).output


async def test_an_operation_made_again_replays_nothing_twice_and_answers_the_same(stack: Stack) -> None:
    name = await stack.define(WRITES)
    ids = [(await stack.run(name)).run_id for _ in range(3)]
    body: Document = {"filter": {"workflow": name}, "limit": 2}
    first = await stack.bulk.replay(stack.workspace_id, body, key="op", authority="owner")
    assert (first.told["count"], first.told["more"], first.told["operation"]) == (2, True, "op")
    # The process died after the first page: everything is asked for again, under the same name.
    again = await stack.bulk.replay(stack.workspace_id, {**body, "limit": 10}, key="op", authority="owner")
    assert again.told["count"] == 3
    assert isinstance(again.told["run_ids"], list)
    assert again.told["run_ids"][:2] == first.told["run_ids"]
    await ended(stack, again.told)
    rest = await stack.bulk.replay(stack.workspace_id, {**body, "operation": "op"}, first.cursor, authority="owner")
    assert (rest.told["run_ids"], rest.cursor) == (again.told["run_ids"][2:], None)
    rows = [await stack.view(str(run_id)) for run_id in again.told["run_ids"]]
    assert [UUID(str(row["replay_of"])) for row in rows] == sorted(ids), "oldest first, each once"
    assert await value(stack, "a") is not None
    other = await stack.bulk.replay(stack.workspace_id, {**body, "limit": 10}, key="another", authority="owner")
    # Another operation means another day's decision: it meets the three runs and their three replays.
    assert other.told["count"] == 6
    await ended(stack, other.told)


async def test_what_is_forecast_is_what_happens(stack: Stack) -> None:
    name = await stack.define(WRITES)
    for _ in range(2):
        await stack.run(name)
    body: Document = {"filter": {"workflow": name}}
    look = (await stack.bulk.replay(stack.workspace_id, {**body, "dry_run": True}, authority="owner")).told
    assert effects(look) == {("writes", "a"): 2, ("writes", "b"): 4}
    part = {**body, "from_step": "each[1].b", "keys": "same"}
    some = (await stack.bulk.replay(stack.workspace_id, {**part, "dry_run": True}, authority="owner")).told
    assert effects(some) == {("writes", "b"): 2}
    assert isinstance(some["effects"], list)
    assert [one["keys"] for one in some["effects"] if isinstance(one, dict)] == ["same"]
    made = (await stack.bulk.replay(stack.workspace_id, {**body, "from_step": "each[1].b"}, authority="owner")).told
    assert (made["count"], effects(made)) == (2, effects(some))
    await ended(stack, made)
    wrong = (
        await stack.bulk.replay(stack.workspace_id, {**body, "from_step": "nobody", "dry_run": True}, authority="owner")
    ).told
    assert wrong["count"] == 0
    assert isinstance(wrong["failed"], list)
    assert {one["code"] for one in wrong["failed"] if isinstance(one, dict)} == {"step.unknown"}


async def test_children_are_counted_with_their_parents_and_not_replayed_beside_them(stack: Stack) -> None:
    child = await stack.define(flow(name="child", c=step("kv.increment", key="c")))
    parent = await stack.define(flow(name="parent", p=step("core.subworkflow", workflow=child, input={})))
    await stack.run(parent)
    look = (await stack.bulk.replay(stack.workspace_id, {"all": True, "dry_run": True}, authority="owner")).told
    assert (look["count"], effects(look)) == (1, {("child", "c"): 1, ("parent", "p"): 1})
    assert isinstance(look["failed"], list)
    assert [one["code"] for one in look["failed"] if isinstance(one, dict)] == ["replay.child"]
    made = (await stack.bulk.replay(stack.workspace_id, {"all": True}, authority="owner")).told
    assert (made["count"], made["failed"]) == (1, look["failed"])
    await ended(stack, made)


async def test_runs_of_tests_are_meant_only_when_they_are_named(stack: Stack) -> None:
    tests: Json = [
        {"name": "t", "input": {}, "mocks": {"a": {"output": {"value": 1}}}, "expect": {"status": "succeeded"}}
    ]
    name = await stack.define(flow(name="tested", a=step("kv.increment", key="t")) | {"tests": tests})
    assert (await stack.tester.test(stack.workspace_id, name, authority="owner"))["passed"] == 1
    look = (await stack.bulk.replay(stack.workspace_id, {"filter": {"workflow": name}}, authority="owner")).told
    assert isinstance(look["failed"], list)
    assert (look["count"], [one["code"] for one in look["failed"] if isinstance(one, dict)]) == (0, ["replay.test"])
    named = (
        await stack.bulk.replay(stack.workspace_id, {"filter": {"workflow": name, "test": True}}, authority="owner")
    ).told
    assert (named["count"], effects(named)) == (1, {})
    await ended(stack, named)
    assert await value(stack, "t") is None, "what was mocked is mocked again"


async def test_nothing_is_meant_by_accident(stack: Stack) -> None:
    for body in ({}, {"filter": {}}, {"filter": {"status": ""}}, {"filter": {"q": "  "}}, {"all": False}):
        for act in (partial(stack.bulk.replay, authority="owner"), stack.bulk.cancel):
            with pytest.raises(Invalid) as refused:
                await act(stack.workspace_id, body)
            assert refused.value.code == "filter.missing"
    for body in ({"filter": {"q": "!?"}}, {"filter": {"q": "a " * 1 + " ".join(f"w{n}" for n in range(21))}}):
        with pytest.raises(Problem) as unclear:
            await stack.bulk.replay(stack.workspace_id, body, authority="owner")
        assert unclear.value.code == "filter.invalid"


async def test_a_cancel_is_looked_at_first_and_goes_newest_first_in_pages(stack: Stack) -> None:
    name = await stack.define(flow(name="waits", w=step("core.wait", duration="1h")))
    ids = [await stack.start(name) for _ in range(5)]
    body: Document = {"filter": {"workflow": name}, "limit": 2}
    look = await stack.bulk.cancel(stack.workspace_id, {**body, "dry_run": True})
    assert (look.told["run_ids"], look.told["more"]) == ([str(ids[4]), str(ids[3])], True)
    assert (await stack.view(ids[4]))["cancel_requested_at"] is None
    late: RunId | None = None
    cursor, told = None, []
    while True:
        page = await stack.bulk.cancel(stack.workspace_id, body, cursor)
        assert isinstance(page.told["run_ids"], list)
        told += page.told["run_ids"]
        late = late or await stack.start(name)
        cursor = page.cursor
        if cursor is None:
            break
    assert told == [str(run_id) for run_id in reversed(ids)]
    assert late is not None
    assert (await stack.view(late))["cancel_requested_at"] is None, "it came after the first page"
