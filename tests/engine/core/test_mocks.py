"""Mocks, tests of documents, simulation."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.effects import ModuleCall, RunOptions, Simulated
from engine.core.records import RunStatus
from engine.core.simulation import simulate
from engine.core.testcase import contained, failures
from modules.sdk.declaration import Result
from modules.sdk.json import JsonObject
from tests.engine.core.fake import PURE, document, http, plan_of, run, start_of, step

DOC = document(
    {
        "a": http("POST"),
        "w": step("wait", {"duration": "9d"}),
        "e": step("wait_for_event"),
        "s": step("set", {"values": {"a": "{{ steps.a.output }}"}}),
    },
    ["a w", "w e", "e s"],
    output="{{ steps.s.output.a }}",
)


async def isolated(call: ModuleCall, inputs: JsonObject) -> Result:
    return Result({"ran": call.module, "data": inputs.get("data")}, ("valid",))


async def test_mocks_stand_in_by_id_and_by_path_and_waits_end_at_once() -> None:
    options = RunOptions(mocks={"a": {"output": 7}, "e": {"output": "posted"}}, unmocked="fail")
    ran = await run(DOC, options=options)
    assert (ran.end.output, ran.seconds, ran.world.calls) == (7, 0, [])
    assert (ran.row("a").mocked, ran.row("e").mocked, ran.row("s").mocked) == ("mock", "mock", None)
    assert ran.row("a").input["method"] == "POST"


@pytest.mark.parametrize(("mocks", "step_"), [({}, "a"), ({"a": {"output": 1}}, "e")])
async def test_an_effect_without_a_mock_fails(mocks: Any, step_: str) -> None:
    ran = await run(DOC, options=RunOptions(mocks=mocks, unmocked="fail"))
    assert (ran.code, ran.end.error.step) == ("mock.missing", step_)


async def test_unmocked_run_makes_the_rest_for_real() -> None:
    doc = document({"a": http(), "b": http()}, ["a b"])
    ran = await run(doc, options=RunOptions(mocks={"a": {"output": 7}}))
    assert [call.path for call in ran.world.calls] == ["b"]


async def test_a_list_is_for_successive_attempts() -> None:
    mocks: Any = {
        "a": [{"error": {"code": "http.503"}}, {"error": {"code": "http.429", "retry_after": 60}}, {"output": 1}]
    }
    ran = await run(document({"a": http()}), options=RunOptions(mocks=mocks, unmocked="fail"))
    assert ran.attempts("a") == [(1, "failed"), (2, "failed"), (3, "succeeded")]
    assert ran.seconds >= 60


async def test_simulated_outputs_say_where_they_come_from() -> None:
    options = RunOptions(
        mocks={"e": {"output": 1}}, simulate=True, simulated={"a": Simulated({"id": 3}, "last_output")}, unmocked="fail"
    )
    ran = await run(DOC, options=options)
    assert (ran.end.output, ran.row("a").mocked) == ({"id": 3}, "last_output")


async def test_a_test_of_a_document_runs_in_this_process() -> None:
    doc = document(
        {
            "v": step("validate", {"data": "{{ input }}", "schema": {}}),
            "r": http(),
            "w": step("wait", {"duration": "1d"}),
            "n": http(),
        },
        ["v.valid r", "v.invalid n"],
        output="{{ steps.v.output.ran }}",
    )
    options = RunOptions(
        mocks={"r": [{"error": {"code": "http.500"}}, {"output": {"x": [1, {"y": 2}]}}]}, unmocked="fail"
    )
    went = await simulate(plan_of(doc), start_of(7, options=options), PURE, isolated)
    assert (went.end.status, went.end.output) == (RunStatus.SUCCEEDED, "core.validate")
    expect: Any = {
        "status": "succeeded",
        "skipped": ["n"],
        "output": "core.validate",
        "steps": {"v": {"handle": "valid"}, "r": {"status": "succeeded", "output": {"x": [1, {"y": 2}]}}},
    }
    assert failures(expect, went.end, went.records) == []
    wrong: Any = {
        "status": "failed",
        "error": {"code": "x"},
        "skipped": ["r"],
        "steps": {"r": {"output": {"x": [1]}}, "vv": {"status": "succeeded"}},
    }
    found = failures(wrong, went.end, went.records)
    assert [failure.path for failure in found] == ["/status", "/error", "/skipped/0", "/steps/r/output/x", "/steps/vv"]
    assert found[3].to_json() == {"path": "/steps/r/output/x", "expected": [1], "got": [1, {"y": 2}]}


@pytest.mark.parametrize(
    ("expected", "got", "fits"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": 1}}, {"a": {}}, False),
        ([{"a": 1}], [{"a": 1, "b": 2}], False),
        ([{"a": 1}], [{"a": 1.0}], True),
        ([1], [1, 2], False),
        (1, True, False),
        (1, 1.0, True),
        (None, None, True),
    ],
)
def test_contained(expected: Any, got: Any, fits: bool) -> None:
    assert contained(expected, got) is fits
