"""Which step is next: edges, handles, joins, skipping, triggers, disabled steps."""

from __future__ import annotations

from itertools import pairwise

import pytest

from engine.core.records import RunStatus
from tests.engine.core.fake import Answer, World, document, http, run, step


def value(number: object = 1, **keys: object) -> dict[str, object]:
    return step("set", {"values": {"v": number}}, **keys)


async def test_a_step_behind_a_handle_that_was_not_given_is_skipped_and_so_is_what_follows_it() -> None:
    doc = document(
        {"big": step("if", {"condition": False}), "yes": value(), "after": value(), "no": value()},
        ["big.true yes", "yes after", "big.false no"],
    )
    ran = await run(doc)
    assert ran.statuses() == {"big": "succeeded", "no": "succeeded", "yes": "skipped", "after": "skipped"}
    assert ran.row("yes").attempt == 0
    assert ran.row("big").handle == "false"


async def test_join_all_waits_for_every_edge_and_needs_one_taken() -> None:
    doc = document(
        {
            "a": step("if", {"condition": True}),
            "slow": http(),
            "never": value(),
            "end": value("{{ steps.slow.status }}"),
        },
        ["a.true slow", "a.false never", "slow end", "never end"],
    )
    ran = await run(doc, world=World(answer=lambda call, made: Answer(1, seconds=5)))
    assert ran.output("end") == {"v": "succeeded"}
    assert ran.statuses()["never"] == "skipped"


async def test_join_any_runs_once_at_the_first_and_the_run_waits_for_the_rest() -> None:
    doc = document(
        {
            "fast": http(),
            "slow": http(),
            "end": value("{{ [steps.fast.status, steps.slow.status, steps.slow.error] }}", join="any"),
        },
        ["fast end", "slow end"],
    )
    world = World(answer=lambda call, made: Answer(1, seconds=1 if call.path == "fast" else 20))
    ran = await run(doc, world=world)
    assert ran.output("end") == {"v": ["succeeded", "running", None]}
    assert ran.attempts("end") == [(1, "succeeded")]
    assert ran.seconds == 20


async def test_join_any_is_skipped_when_no_edge_is_taken() -> None:
    doc = document(
        {"a": step("if", {"condition": True}), "b": step("if", {"condition": True}), "end": value(join="any")},
        ["a.false end", "b.false end"],
    )
    assert (await run(doc)).statuses()["end"] == "skipped"


async def test_two_edges_between_the_same_steps_are_two_ways_to_one() -> None:
    doc = document({"a": step("if", {"condition": True}), "end": value()}, ["a.true end", "a.false end"])
    ran = await run(doc)
    assert ran.attempts("end") == [(1, "succeeded")]


async def test_ready_steps_start_in_the_order_of_their_ids() -> None:
    ran = await run(document({"c": http(), "a": http(), "b": http()}))
    assert [call.path for call in ran.world.calls] == ["a", "b", "c"]


async def test_a_thousand_steps_in_a_row_and_a_thousand_skipped_in_a_row() -> None:
    names = [f"s{number:04}" for number in range(998)]
    steps: dict[str, object] = {name: value() for name in names}
    chain = [f"{one} {other}" for one, other in pairwise(names)]
    assert (await run(document(steps, chain))).statuses()[names[-1]] == "succeeded"
    ran = await run(document({**steps, "a": step("if", {"condition": False})}, [*chain, f"a.true {names[0]}"]))
    assert ran.statuses()[names[-1]] == "skipped"


@pytest.mark.parametrize(
    ("trigger", "succeeded"),
    [("one", {"a", "both"}), ("two", {"b", "both"}), ("bare", {"root"}), (None, {"root"})],
)
async def test_a_run_begins_with_the_targets_of_its_trigger_or_with_the_roots(
    trigger: str | None, succeeded: set[str]
) -> None:
    hook = {"module": "webhook.trigger", "version": 1, "inputs": {}}
    doc = document(
        {"a": value(), "b": value(), "both": value(), "root": value()},
        ["one a", "two b", "a both", "b both"],
        triggers={"one": hook, "two": hook, "bare": hook},
    )
    ran = await run(doc, trigger_id=trigger)
    assert {path for path, status in ran.statuses().items() if status == "succeeded"} == succeeded
    assert {path for path, status in ran.statuses().items() if status == "skipped"} == {
        "a",
        "b",
        "both",
        "root",
    } - succeeded


async def test_a_disabled_step_passes_through() -> None:
    doc = document(
        {"off": http(disabled=True), "after": value("{{ steps.off.output | default('nothing') }}")}, ["off after"]
    )
    ran = await run(doc)
    assert ran.statuses() == {"off": "skipped", "after": "succeeded"}
    assert (ran.row("off").attempt, ran.row("off").handle) == (0, "out")
    assert ran.output("after") == {"v": "nothing"}
    assert not ran.world.calls


async def test_an_empty_document_succeeds() -> None:
    assert (await run(document({}))).status is RunStatus.SUCCEEDED


async def test_the_output_reads_the_root_and_an_error_in_it_fails_the_run() -> None:
    doc = document({"a": value(7)}, output={"n": "{{ steps.a.output.v }}"})
    assert (await run(doc)).end.output == {"n": 7}
    ran = await run(document({"a": step("set", {"values": {"amount": 1}})}, output="{{ steps.a.output.amont }}"))
    assert (ran.status, ran.code) == (RunStatus.FAILED, "expression.undefined")
    assert "'amount'" in ran.end.error.message


async def test_what_a_step_sees_of_the_run() -> None:
    doc = document(
        {"a": value("{{ [trigger.type, input.n, vars.X, run.id, run.started_at, workflow.name, workflow.version] }}")}
    )
    ran = await run(doc, {"n": 1}, vars={"X": "x"})
    assert ran.output("a")["v"] == [
        "api",
        1,
        "x",
        "01890000-0000-7000-8000-000000000001",
        "2023-11-14T22:13:20Z",
        "test",
        3,
    ]


async def test_a_call_carries_no_more_of_the_scope_than_it_reads() -> None:
    call = http()
    call["inputs"]["json"] = {"id": "{{ trigger.body.order.id }}", "all": "{{ steps.a.output }}"}
    ran = await run(document({"a": value([1]), "b": call}, ["a b"]), {"order": {"id": 3, "lines": [1] * 99}, "more": 1})
    assert ran.world.calls[0].scope == {
        "trigger": {"body": {"order": {"id": 3}}},
        "steps": {"a": {"output": {"v": [1]}}},
    }
    assert ran.row("b").input["json"] == {"id": 3, "all": {"v": [1]}}
