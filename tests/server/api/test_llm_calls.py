"""Language models over the API: a step that asks one, the log of calls, prices, a budget."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step
from tests.fixtures.model_server import ModelServer, fails, says


async def connected(api: Api, server: ModelServer, key: str | None = None) -> str:
    name = f"llm-{uuid4().hex[:10]}"
    config = {"base_url": server.url, "model": server.model}
    body = {"name": name, "app": "llm", "kind": "llm", "config": config, "secret": {"api_key": key or server.key}}
    answer = await api.owner.post("/connections", json=body)
    assert answer.status_code == 201, answer.text
    return name


async def asking(api: Api, connection: str | None, **inputs: Any) -> str:
    asked = step("llm.prompt", **inputs)
    document = flow(ask=asked)
    document["steps"]["ask"]["retry"] = {"initial": "10ms", "jitter": 0}  # type: ignore[call-overload, index]
    if connection is not None:
        document["steps"]["ask"]["connection"] = connection  # type: ignore[call-overload, index]
        document["requires"] = {"connections": {connection: {"app": "llm"}}}
    return await api.create(document)


async def test_a_step_asks_a_model(api: Api, model_server: ModelServer) -> None:
    await model_server.script(
        fails(429, "slow down", retry_after="0"), says('{"n": 3}', usage=(40, 6), when={"user": "count to 3"})
    )
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    name = await asking(
        api, await connected(api, model_server), prompt="count to {{ input.n }}", json_schema=schema, model="gpt-4o"
    )
    run: Any = await api.run(name, {"n": 3})
    assert run["status"] == "succeeded", run["error"]
    failed, done = await api.steps(run["run_id"])
    assert (failed["error"]["code"], failed["error"]["retryable"]) == ("llm.rate", True)  # type: ignore[call-overload, index]
    output: Any = done["output"]
    assert (output["json"], output["usage"]["input_tokens"], output["usage"]["model"]) == ({"n": 3}, 40, "gpt-4o")
    assert [line["message"] for line in done["logs"]] == ['{"n": 3}']  # type: ignore[union-attr, call-overload, index]
    calls = (await api.viewer.get("/copilot/llm-calls", params={"run": run["run_id"]})).json()["items"]
    assert [(one["status"], one["attempt"], one["purpose"]) for one in calls if one["purpose"] == "module"] == [
        ("ok", 2, "module"),
        ("error", 1, "module"),
    ]
    assert len(calls) == len(await model_server.journal())
    call = calls[0]
    assert (call["path"], call["input_tokens"], call["cost_usd"], call["error"]) == ("ask", 40, None, None)
    whole = (await api.viewer.get(f"/copilot/llm-calls/{call['call_id']}")).json()
    assert whole["request"]["messages"][-1]["content"] == "count to 3"
    assert whole["response"]["choices"][0]["message"]["content"] == '{"n": 3}'
    assert model_server.key not in str(whole)
    of_errors = await api.viewer.get("/copilot/llm-calls", params={"run": run["run_id"], "status": "error"})
    assert "ok" not in {one["status"] for one in of_errors.json()["items"]}


async def test_pages_of_calls(api: Api, model_server: ModelServer) -> None:
    await model_server.script(says("a", times=0))
    name = await asking(api, await connected(api, model_server), prompt="x")
    for _ in range(3):
        await api.run(name, {})
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = (await api.viewer.get("/copilot/llm-calls", params=params)).json()
        seen += [one["call_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) >= 3
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"status": "fine"}, "request.invalid"),
        ({"run": "x"}, "request.invalid"),
        ({"turn": "1"}, "request.invalid"),
        ({"conversation": ""}, "request.invalid"),
        ({"cursor": "x"}, "cursor.invalid"),
    ],
)
async def test_what_no_filter_takes(api: Api, params: dict[str, str], code: str) -> None:
    problem(await api.viewer.get("/copilot/llm-calls", params=params), 422, code)


async def test_there_is_no_such_call(api: Api) -> None:
    for call_id in (str(uuid4()), "x"):
        problem(await api.viewer.get(f"/copilot/llm-calls/{call_id}"), 404, "call.unknown")


async def test_without_a_model_a_step_says_what_to_set(api: Api) -> None:
    run: Any = await api.run(await asking(api, None, prompt="x"), {})
    assert run["error"]["code"] == "llm.unset"
    assert "MILLSTREAM_LLM_BASE_URL" in run["error"]["message"]


async def test_connections_of_other_kinds_and_bad_keys(api: Api, model_server: ModelServer) -> None:
    run: Any = await api.run(await asking(api, await connected(api, model_server, "wr0ng-key"), prompt="x"), {})
    assert run["error"]["code"] == "llm.key"
    assert "wr0ng-key" not in str(run)
    name = f"b-{uuid4().hex[:8]}"
    body = {
        "name": name,
        "app": "llm",
        "kind": "bearer",
        "config": {"base_url": "https://x.example"},
        "secret": {"token": "t0ken"},
    }
    assert (await api.owner.post("/connections", json=body)).status_code == 201
    run = await api.run(await asking(api, name, prompt="x"), {})
    assert run["error"]["code"] == "connection.kind"


async def test_prices(api: Api) -> None:
    price = {"model": "vendor/small:1", "input_usd": 0.25, "output_usd": 1.5, "cache_read_usd": 0.025}
    made = await api.owner.put("/copilot/llm-prices", json=price)
    assert made.status_code == 200, made.text
    assert {name: made.json()[name] for name in price} == price
    assert made.json()["cache_write_usd"] is None
    listed = (await api.viewer.get("/copilot/llm-prices")).json()["items"]
    assert "vendor/small:1" in [one["model"] for one in listed]
    for bad in (
        {**price, "input_usd": -1},
        {**price, "output_usd": None},
        {**price, "model": ""},
        {**price, "x": 1},
        [],
    ):
        problem(await api.owner.put("/copilot/llm-prices", json=bad), 422, "request.invalid")
    problem(await api.editor.put("/copilot/llm-prices", json=price), 403, "auth.forbidden")
    assert (await api.owner.delete("/copilot/llm-prices", params={"model": "vendor/small:1"})).status_code == 204
    problem(await api.owner.delete("/copilot/llm-prices", params={"model": "vendor/small:1"}), 404, "price.unknown")


async def test_a_budget(api: Api, model_server: ModelServer) -> None:
    await model_server.script(says("a", usage=(5, 5), times=0))
    name = await asking(api, await connected(api, model_server), prompt="x")
    assert (await api.run(name, {}))["status"] == "succeeded"
    set_ = await api.owner.put("/copilot/llm-budget", json={"daily_tokens": 1, "daily_usd": 2.5})
    assert set_.json() == (await api.viewer.get("/copilot/llm-budget")).json() == {"daily_tokens": 1, "daily_usd": 2.5}
    run: Any = await api.run(name, {})
    assert run["error"]["code"] == "llm.budget"
    for bad in ({"daily_tokens": -1}, {"daily_tokens": 1.5}, {"daily_usd": "1"}, {"tokens": 1}):
        problem(await api.owner.put("/copilot/llm-budget", json=bad), 422, "request.invalid")
    await api.owner.put("/copilot/llm-budget", json={"daily_tokens": None})
    assert (await api.run(name, {}))["status"] == "succeeded"
    assert len(await model_server.journal()) == 2
