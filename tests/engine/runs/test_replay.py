"""Ended runs made again: whole, with other input or version, and from a step."""

import pytest

from db.ids import RunId
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid, Problem
from engine.runs.replay import ReplayRequest
from tests.engine.runs.stack import Stack
from tests.fixtures.flows import flow, step


async def replay(stack: Stack, run_id: RunId, **body: Json) -> RunId:
    return await stack.replayer.replay(stack.workspace_id, run_id, ReplayRequest.read(body), authority="owner")


async def statuses(stack: Stack, run_id: RunId) -> dict[str, tuple[object, object]]:
    return {str(row["path"]): (row["status"], row["mocked"]) for row in await stack.steps(run_id)}


COUNTED = flow(
    "{{ steps.last.output.v }}",
    first=step("kv.increment", key="first"),
    second=step("kv.increment", key="second", after="first"),
    last=step(
        "core.set", values={"v": "{{ [steps.first.output.value, steps.second.output.value, input] }}"}, after="second"
    ),
)


async def test_a_replay_is_a_new_run_of_the_same_trigger_and_bytes(stack: Stack) -> None:
    name = await stack.define(COUNTED)
    first = await stack.run(name, "a")
    assert first.output == [1, 1, "a"]
    again = await stack.end(await replay(stack, first.run_id))
    assert (again.output, again.replay_of) == ([2, 2, "a"], first.run_id)
    other = await stack.end(await replay(stack, first.run_id, input={"large": "x" * 40_000}))
    assert (await stack.view(other.run_id))["output"] == [3, 3, {"large": "x" * 40_000}]


async def test_from_a_step_all_that_is_not_downstream_is_taken_over(stack: Stack) -> None:
    name = await stack.define(COUNTED)
    first = await stack.run(name, {"large": "y" * 40_000})
    again = await stack.end(await replay(stack, first.run_id, from_step="second"))
    assert again.status == "succeeded", again.error
    assert await statuses(stack, again.run_id) == {
        "first": ("succeeded", "replay"),
        "second": ("succeeded", None),
        "last": ("succeeded", None),
    }
    values = [row["output"] for row in await stack.steps(again.run_id) if row["path"] == "second"]
    assert isinstance(values[0], dict)
    assert values[0]["value"] == 2


async def test_from_a_step_inside_a_loop_only_that_iteration_is_made_again(stack: Stack) -> None:
    name = await stack.define(
        flow(
            "{{ steps.each.output }}",
            each=step("core.for_each", items=["a", "b", "c"]),
            count=step("kv.increment", key="{{ item }}", parent="each"),
            end=step("core.set", values={"n": "{{ steps.each.output | length }}"}, after="each"),
        )
    )
    first = await stack.run(name)
    again = await stack.end(await replay(stack, first.run_id, from_step="each[1].count"))
    assert again.status == "succeeded", again.error
    assert isinstance(again.output, list)
    assert [item["value"] for item in again.output if isinstance(item, dict)] == [1, 2, 1]
    rows = await statuses(stack, again.run_id)
    assert (rows["each[0].count"][1], rows["each[1].count"][1], rows["each[2].count"][1]) == ("replay", None, "replay")


async def test_a_failed_run_is_taken_up_where_it_failed_with_another_version(stack: Stack) -> None:
    broken = flow(
        "{{ steps.b.output }}",
        a=step("kv.increment", key="n"),
        b=step("core.fail", code="bad", message="bad", after="a"),
    )
    name = await stack.define(broken)
    failed = await stack.run(name)
    assert failed.status == "failed"
    mended = flow(
        "{{ steps.b.output.v }}",
        a=step("kv.increment", key="n"),
        b=step("core.set", values={"v": "{{ steps.a.output.value }}"}, after="a"),
    )
    await stack.definitions.save_draft(stack.workspace_id, None, name, mended, 1, authority="owner")
    await stack.definitions.deploy(stack.workspace_id, None, name, "mended", None, authority="owner")
    old = await stack.end(await replay(stack, failed.run_id))
    assert (old.status, old.version) == ("failed", 1)
    new = await stack.end(await replay(stack, failed.run_id, from_step="b", version=2))
    assert (new.status, new.version, new.output) == ("succeeded", 2, 1)


async def test_keys_are_new_unless_the_same_are_asked_for(stack: Stack) -> None:
    name = await stack.define(COUNTED)
    first = await stack.run(name)
    same = await stack.end(await replay(stack, first.run_id, keys="same"))
    assert same.output == first.output, "each write is known by its key and not made again"
    fresh = await stack.end(await replay(stack, first.run_id))
    assert fresh.output != first.output


async def test_what_cannot_be_replayed_is_refused(stack: Stack) -> None:
    name = await stack.define(flow(w=step("core.wait", duration="1h")))
    run_id = await stack.start(name)
    with pytest.raises(Conflict):
        await replay(stack, run_id)
    quiet = await stack.define(flow(name="quiet", a=step("core.set", values={}), settings={"log": "none"}))
    ended = await stack.run(quiet, {"secret": 1})
    with pytest.raises(Problem) as nothing_kept:
        await replay(stack, ended.run_id, from_step="a", input={})
    assert nothing_kept.value.code == "replay.no_log"
    with pytest.raises(Problem) as no_input:
        await replay(stack, ended.run_id)
    assert no_input.value.code == "replay.no_input"
    assert (await stack.end(await replay(stack, ended.run_id, input={}))).status == "succeeded"
    counted = await stack.define(COUNTED | {"name": "counted"})
    row = await stack.run(counted)
    with pytest.raises(Invalid) as unknown:
        await replay(stack, row.run_id, from_step="secnod")
    assert "'second'" in unknown.value.detail


async def test_many_are_replayed_by_a_filter_after_a_look_at_what_would_happen_again(stack: Stack) -> None:
    name = await stack.define(COUNTED)
    ids = [(await stack.run(name, number)).run_id for number in range(3)]
    body: dict[str, Json] = {"filter": {"workflow": name, "status": "succeeded"}}
    look = (await stack.bulk.replay(stack.workspace_id, {**body, "dry_run": True}, authority="owner")).told
    assert (look["count"], look["effects"]) == (
        3,
        [
            {"workflow": name, "module": "kv.increment", "step": "first", "count": 3, "keys": "new"},
            {"workflow": name, "module": "kv.increment", "step": "second", "count": 3, "keys": "new"},
        ],
    )
    assert sorted(str(one) for one in look["run_ids"]) == sorted(str(one) for one in ids)  # type: ignore[union-attr]
    made = (await stack.bulk.replay(stack.workspace_id, body, authority="owner")).told
    assert made["count"] == 3
    for run_id in made["run_ids"]:  # type: ignore[union-attr]
        assert (await stack.end(str(run_id))).status == "succeeded"
