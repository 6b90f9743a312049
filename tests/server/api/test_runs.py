"""Runs: start them in every way, find them, read their steps and data."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest

from engine.expressions.values import Json
from tests.fixtures.api import Api, JsonObject, problem
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer

RUN = {
    "run_id",
    "workflow_id",
    "workflow",
    "version",
    "status",
    "carrier",
    "trigger",
    "trigger_type",
    "trigger_id",
    "input",
    "output",
    "error",
    "pinned",
    "warnings",
    "test",
    "replay_of",
    "parent_run_id",
    "parent_path",
    "queued_at",
    "started_at",
    "finished_at",
    "cancel_requested_at",
    "waiting_for",
}
STEP = {
    "path",
    "step",
    "module",
    "iteration",
    "attempt",
    "status",
    "started_at",
    "finished_at",
    "duration_ms",
    "input",
    "output",
    "error",
    "handle",
    "logs",
    "resume_url",
    "child_run_id",
    "mocked",
    "idempotency_key",
    "retry_at",
    "waiting_for",
}
ECHO = flow("{{ trigger }}", name="echo", a=step("core.set", values={"n": "{{ input }}"}))
WAIT = flow(name="wait", w=step("core.wait", duration="1h"))


def hook(*edges: str) -> JsonObject:
    return {"module": "webhook.trigger", "version": 1, "inputs": {}}


async def test_a_run_that_ends_in_time_answers_200_and_one_that_goes_on_202(api: Api) -> None:
    echo, wait = await api.create(ECHO), await api.create(WAIT)
    done = await api.editor.post(f"/workflows/{echo}/runs", json={"input": {"a": 1}, "wait": 30})
    assert done.status_code == 200
    run = done.json()
    assert set(run) == RUN
    assert (run["status"], run["workflow"], run["version"], run["error"], run["test"]) == (
        "succeeded",
        echo,
        1,
        None,
        False,
    )
    assert run["output"] == run["trigger"] == {"type": "api", "id": None, "body": {"a": 1}}
    assert (run["input"], run["waiting_for"]) == ({"a": 1}, [])
    assert run["queued_at"] <= run["started_at"] <= run["finished_at"]
    assert all(run[key].endswith("Z") for key in ("queued_at", "started_at", "finished_at"))
    open_ = await api.editor.post(f"/workflows/{wait}/runs", json={"wait": 0.05})
    assert (open_.status_code, set(open_.json())) == (202, RUN)
    waiting = await api.until(open_.json()["run_id"], "waiting")
    assert (waiting["output"], waiting["finished_at"], waiting["input"]) == (None, None, {})
    (reason,) = waiting["waiting_for"]  # type: ignore[misc]
    assert (reason["path"], reason["kind"], reason["resume_url"]) == ("w", "timer", None)  # type: ignore[index, call-overload]
    assert datetime.fromisoformat(reason["until"])  # type: ignore[index, call-overload, arg-type]
    await api.owner.post(f"/runs/{waiting['run_id']}/cancel")


async def test_a_failed_run_has_its_error_and_no_output(api: Api) -> None:
    name = await api.create(flow("{{ 1 }}", f=step("core.fail", code="my.code", message="no", details={"a": 1})))
    run = await api.run(name)
    assert (run["status"], run["output"]) == ("failed", None)
    assert run["error"] == {"code": "my.code", "message": "no", "step": "f", "retryable": False, "details": {"a": 1}}


async def test_which_trigger_a_run_begins_at(api: Api) -> None:
    document = flow("{{ trigger.id }}", a=step("core.set", values={}), b=step("core.set", values={}))
    edges: list[Json] = [{"from": "one", "to": "a"}, {"from": "two", "to": "b"}]
    name = await api.create(document | {"triggers": {"one": hook(), "two": hook()}, "edges": edges})
    path = f"/workflows/{name}/runs"
    ambiguous = problem(await api.owner.post(path, json={}), 422, "trigger.ambiguous")
    assert ambiguous["triggers"] == ["one", "two"]
    problem(await api.owner.post(path, json={"trigger_id": "tow"}), 422, "trigger.unknown")
    run = await api.run(name, trigger_id="two")
    assert run["output"] == "two"
    assert {row["path"]: row["status"] for row in await api.steps(str(run["run_id"]))} == {
        "a": "skipped",
        "b": "succeeded",
    }
    whole = await api.run(name, trigger={"id": "one", "body": [1], "headers": {"x": "y"}})
    assert whole["trigger"] == {"id": "one", "body": [1], "headers": {"x": "y"}, "type": "webhook"}
    problem(await api.owner.post(path, json={"trigger": {"id": "one", "type": "no"}}), 422, "trigger.invalid")
    problem(await api.owner.post(path, json={"trigger": {"id": "one"}, "trigger_id": "two"}), 422, "trigger.invalid")


async def test_versions_of_a_run_are_named_by_number_or_as_draft_and_deployed(api: Api) -> None:
    name = await api.create(ECHO)
    assert [(await api.run(name, version=version))["version"] for version in (1, "draft", "deployed")] == [
        1,
        "draft",
        1,
    ]
    problem(await api.owner.post(f"/workflows/{name}/runs", json={"version": 2}), 404, "version.unknown")
    for odd in ("newest", 0, -1, 1.5, True, None, [1]):
        problem(await api.owner.post(f"/workflows/{name}/runs", json={"version": odd}), 422, "version.invalid")


async def test_input_is_checked_before_anything_is_accepted(api: Api) -> None:
    schema: Json = {"type": "object", "required": ["id"]}
    name = await api.create(ECHO | {"input_schema": schema})
    refused = problem(await api.owner.post(f"/workflows/{name}/runs", json={"input": {}}), 422, "input.invalid")
    assert refused["errors"]
    assert (await api.owner.get("/runs", params={"workflow": name})).json()["items"] == []
    for body in (
        {"inptu": 1},
        {"input": 1, "trigger": {"body": 1}},
        {"wait": 301},
        {"wait": -1},
        {"wait": "1"},
        {"mocks": []},
        {"simulate": 1},
        {"unmocked": "x"},
        {"trigger_id": 7},
        [],
    ):
        problem(await api.owner.post(f"/workflows/{name}/runs", json=body), 422, "request.invalid")


async def test_mocks_take_the_place_of_effects(api: Api, http_server: HttpServer) -> None:
    http_server.answer("POST", "/x", Answer.of_json({"real": True}))
    call = step("http.request", method="POST", url=f"{http_server.url}/x", json={})
    name = await api.create(flow("{{ steps.call.output.body }}", call=call))
    assert (await api.run(name))["output"] == {"real": True}
    mocked = await api.run(name, mocks={"call": {"output": {"status": 200, "headers": {}, "body": "mock"}}})
    assert (mocked["output"], mocked["test"], len(http_server.requests)) == ("mock", True, 1)
    missing = await api.run(name, mocks={})
    assert missing["error"]["code"] == "mock.missing"  # type: ignore[index, call-overload]
    assert (await api.run(name, mocks={}, unmocked="run"))["output"] == {"real": True}
    simulated = await api.run(name, simulate=True)
    (row,) = await api.steps(str(simulated["run_id"]))
    assert (simulated["output"], row["mocked"], len(http_server.requests)) == ({"real": True}, "last_output", 2)


async def test_steps_are_listed_in_start_order_one_row_an_attempt(api: Api, http_server: HttpServer) -> None:
    http_server.answer("GET", "/x", Answer(503), Answer.of_json({}))
    call: JsonObject = step("http.request", method="GET", url=f"{http_server.url}/x") | {
        "retry": {"max_attempts": 2, "initial": "10ms"}
    }
    name = await api.create(
        flow(
            i=step("core.if", condition=True),
            call=call | {"_after": "i:true"},
            never=step("core.set", values={}, after="i:false"),
            loop=step("core.for_each", items=[1, 2], after="call"),
            inner=step("core.set", parent="loop", values={"n": "{{ item }}"}),
        )
    )
    run = await api.run(name)
    rows = await api.steps(str(run["run_id"]))
    assert all(set(row) == STEP for row in rows)
    assert [(row["path"], row["attempt"], row["status"]) for row in rows if row["status"] != "skipped"] == [
        ("i", 1, "succeeded"),
        ("call", 1, "failed"),
        ("call", 2, "succeeded"),
        ("loop", 1, "succeeded"),
        ("loop[0].inner", 1, "succeeded"),
        ("loop[1].inner", 1, "succeeded"),
    ]
    by = {(row["path"], row["attempt"]): row for row in rows}
    assert (by["never", 0]["status"], by["i", 1]["handle"], by["loop[1].inner", 1]["iteration"]) == (
        "skipped",
        "true",
        1,
    )
    failed = by["call", 1]
    assert (failed["error"]["code"], failed["error"]["retryable"]) == ("http.503", True)  # type: ignore[index, call-overload]
    assert failed["retry_at"] is not None
    paged: list[JsonObject] = []
    cursor = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await api.viewer.get(f"/runs/{run['run_id']}/steps", params=params)).json()
        paged += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == rows


async def test_large_data_stands_as_a_reference_that_can_be_read(api: Api) -> None:
    name = await api.create(
        flow("{{ steps.a.output.text | length }}", a=step("core.set", values={"text": "{{ input.text }}"}))
    )
    text = "ü" * 300_000
    run = await api.run(name, {"text": text})
    assert run["output"] == 300_000
    (row,) = await api.steps(str(run["run_id"]))
    found = row["output"]
    if set(found) == {"text"}:  # type: ignore[arg-type]
        found = found["text"]  # type: ignore[index, call-overload]
    assert set(found) == {"$ref", "size", "type"}  # type: ignore[arg-type]
    whole = await api.viewer.get(f"/runs/{run['run_id']}/payloads/{found['$ref']}")  # type: ignore[index, call-overload]
    assert (whole.status_code, text in whole.text, len(whole.content)) == (200, True, found["size"])  # type: ignore[index, call-overload]
    problem(await api.viewer.get(f"/runs/{run['run_id']}/payloads/nothing"), 404, "payload.unknown")
    problem(await api.foreign.get(f"/runs/{run['run_id']}/payloads/{found['$ref']}"), 404, "payload.unknown")  # type: ignore[index, call-overload]


@pytest.fixture(scope="session")
async def many(api: Api) -> tuple[str, str, list[str]]:
    """The name of a workflow, a word of its inputs that nothing else holds, and runs: succeeded, failed, succeeded, of the draft, waiting."""
    word = f"word{uuid4().hex[:12]}"
    name = await api.create(
        flow(
            "{{ input }}",
            name="many",
            i=step(
                "core.switch",
                value="{{ input.way }}",
                cases=[{"handle": "bad", "equals": "bad"}, {"handle": "long", "equals": "long"}],
            ),
            bad=step("core.fail", code="my.code", message="Lieferung verweigert", after="i:bad"),
            long=step("core.wait", duration="1h", after="i:long"),
        )
    )
    ids: list[str] = []
    for way, version in (("good", 1), ("bad", 1), ("good", 1), ("good", "draft"), ("long", 1)):
        ids.append(
            await api.start(
                name, {"way": way, "text": f"{word} n{len(ids)}"}, version=version, wait=0 if way == "long" else 30
            )
        )
    await api.until(ids[-1], "waiting")
    return name, word, ids


async def test_runs_are_listed_newest_first_in_pages(api: Api, many: tuple[str, str, list[str]]) -> None:
    name, _, ids = many
    found: list[str] = []
    cursor = None
    while True:
        params = {"workflow": name, "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await api.viewer.get("/runs", params=params)).json()
        assert all(set(one) == RUN for one in page["items"])
        found += [one["run_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ids[::-1]


async def test_filters_choose_among_runs(api: Api, many: tuple[str, str, list[str]]) -> None:
    name, word, ids = many

    async def chosen(**params: str) -> list[int]:
        answer = await api.viewer.get("/runs", params={"workflow": name, **params})
        assert answer.status_code == 200, answer.text
        return sorted(ids.index(one["run_id"]) for one in answer.json()["items"])

    assert await chosen(status="succeeded") == [0, 2, 3]
    assert await chosen(status="failed,waiting") == [1, 4]
    assert await chosen(version="draft") == [3]
    assert await chosen(version="1") == [0, 1, 2, 4]
    assert await chosen(trigger="api") == [0, 1, 2, 3, 4]
    assert await chosen(trigger="webhook") == []
    middle = (await api.viewer.get(f"/runs/{ids[2]}")).json()["queued_at"]
    assert await chosen(**{"from": middle}) == [2, 3, 4]
    assert await chosen(to=middle) == [0, 1]
    assert await chosen(q="n3") == [3]
    assert await chosen(q="verweigert") == [1], "words of errors"
    assert await chosen(q=f"{word} nothing") == []
    everywhere = (await api.viewer.get("/runs", params={"q": word})).json()["items"]
    assert len(everywhere) >= 4, "ended runs at least are found by the words of their inputs"
    assert (await api.foreign.get("/runs", params={"q": word})).json()["items"] == []


async def test_filters_that_mean_nothing_are_refused(api: Api) -> None:
    for params in (
        {"status": "done"},
        {"version": "x"},
        {"version": "-1"},
        {"trigger": "carrier pigeon"},
        {"from": "yesterday"},
        {"to": "\x00"},
        {"from": "0001-01-01T00:00:00+23:00"},
        {"to": "9999-12-31T23:59:59-23:00"},
    ):
        answer = await api.viewer.get("/runs", params=params)
        assert answer.status_code in (200, 422), (params, answer.text)
    problem(await api.viewer.get("/runs", params={"workflow": "nothing"}), 404, "workflow.unknown")
    for q in ("\x00", "'", '"a', "a & | !", "x" * 5000, "*", "\U0001f600", "a*b"):
        assert (await api.viewer.get("/runs", params={"q": q})).status_code in (200, 422), q
