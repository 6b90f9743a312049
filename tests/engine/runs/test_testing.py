"""A document's own tests."""

from engine.runs.offline import test_document as run_offline
from tests.engine.runs.stack import Document, Stack
from tests.fixtures.flows import flow, step

TESTED: Document = flow(
    "{{ steps.call.output.body }}",
    name="tested",
    big=step("core.if", condition="{{ input.amount > 10 }}"),
    call=step("http.request", url="http://127.0.0.1:9/", method="POST", after="big:true"),
    check=step(
        "core.validate", data="{{ input }}", schema={"type": "object", "required": ["amount"]}, after="big:false"
    ),
) | {
    "input_schema": {"type": "object", "required": ["amount"]},
    "output": "{{ steps.call.output.body | default('small') }}",
    "tests": [
        {
            "name": "large",
            "trigger": {"body": {"amount": 11}},
            "mocks": {"call": [{"error": {"code": "http.503", "retryable": True}}, {"output": {"body": "ok"}}]},
            "expect": {"status": "failed"},
        },
        {
            "name": "small",
            "trigger": {"body": {"amount": 1}},
            "expect": {"output": "small", "skipped": ["call"], "steps": {"check": {"handle": "valid"}}},
        },
        {"name": "unmocked", "trigger": {"body": {"amount": 11}}, "expect": {"error": {"code": "mock.missing"}}},
        {"name": "invalid", "trigger": {"body": {}}, "expect": {"error": {"code": "input.invalid"}}},
        {"name": "wrong", "trigger": {"body": {"amount": 1}}, "expect": {"output": "large"}},
    ],
}


def verdicts(report: Document) -> dict[str, bool]:
    results = report["results"]
    assert isinstance(results, list)
    return {str(result["name"]): bool(result["passed"]) for result in results if isinstance(result, dict)}


EXPECTED = {"large": True, "small": True, "unmocked": True, "invalid": True, "wrong": False}


async def test_each_test_passes_or_names_what_differs_and_is_kept_as_a_run(stack: Stack) -> None:
    name = await stack.define(TESTED, deploy=False)
    report = await stack.tester.test(stack.workspace_id, name, authority="owner")
    assert (report["passed"], report["failed"], verdicts(report)) == (4, 1, EXPECTED)
    by_name = {str(result["name"]): result for result in report["results"] if isinstance(result, dict)}  # type: ignore[union-attr]
    assert by_name["wrong"]["failures"] == [{"path": "/output", "expected": "large", "got": "small"}]
    view = await stack.view(str(by_name["small"]["run_id"]))
    assert (view["status"], view["test"], view["carrier"], view["version"]) == (
        "succeeded",
        True,
        "simulation",
        "draft",
    )
    assert {row["path"] for row in await stack.steps(str(by_name["small"]["run_id"]))} == {"big", "call", "check"}


async def test_a_file_is_tested_without_any_stack() -> None:
    assert verdicts(await run_offline(TESTED)) == EXPECTED
