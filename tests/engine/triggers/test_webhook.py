"""Webhooks as their callers meet them."""

import asyncio
import json

import pytest

from db import api_keys
from db.pool import Database
from engine.expressions.values import Json
from engine.problems import Problem
from tests.engine.runs.stack import Document, Stack, open_stack
from tests.fixtures.flows import flow, step


def hooked(document: Document, **inputs: Json) -> Document:
    """The document with a webhook `hook`."""
    return document | {"triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": dict(inputs)}}}


ECHO = flow("{{ input }}", name="echo", a=step("core.set", values={}))


async def refused(stack: Stack, *args: object, **kwargs: object) -> Problem:
    with pytest.raises(Problem) as caught:
        await stack.post(*args, **kwargs)  # type: ignore[arg-type]
    return caught.value


async def test_an_async_webhook_answers_with_the_run_and_the_run_sees_the_request(stack: Stack) -> None:
    await stack.define(hooked(flow("{{ trigger }}", name="echo", a=step("core.set", values={}))))
    answer = await stack.post(
        "echo", b'{"id": 7}', headers={"authorization": "Bearer x"}, query=[("q", "1"), ("q", "2")]
    )
    assert answer.status == 202
    run = await stack.end(json.loads(answer.body)["run_id"])
    assert run.output == {
        "type": "webhook",
        "id": "hook",
        "body": {"id": 7},
        "headers": {"content-type": "application/json", "authorization": "***"},
        "query": {"q": ["1", "2"]},
        "method": "POST",
    }


async def test_a_sync_webhook_gives_the_runs_output_or_what_it_responds(stack: Stack) -> None:
    await stack.define(hooked(ECHO, mode="sync"))
    answer = await stack.post("echo", b'{"odd": "\\u0000\\ud800"}')
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.body) == {"odd": "\x00\ud800"}
    await stack.define(
        hooked(
            flow(
                name="early",
                r=step(
                    "core.respond",
                    status=201,
                    headers={"X-Order": "7", "Content-Length": "9"},
                    body={"got": "{{ input.id }}"},
                ),
                w=step("core.wait", duration="1h", after="r"),
            ),
            mode="sync",
        )
    )
    early = await stack.post("early", b'{"id": 7}')
    assert (early.status, json.loads(early.body)) == (201, {"got": 7})
    assert early.headers == {"x-order": "7", "content-type": "application/json"}


async def test_a_sync_webhook_tells_how_else_the_run_went(stack: Stack) -> None:
    await stack.define(hooked(flow(name="fails", a=step("core.fail", code="my.code", message="no")), mode="sync"))
    failed = await refused(stack, "fails")
    assert (failed.status, failed.code, failed.extra["error_code"]) == (500, "run.failed", "my.code")
    await stack.define(hooked(flow(name="stops", a=step("core.stop", status="cancelled")), mode="sync"))
    assert (await refused(stack, "stops")).status == 409
    await stack.define(hooked(flow(name="slow", a=step("core.wait", duration="1h")), mode="sync", timeout="200ms"))
    slow = await refused(stack, "slow")
    assert (slow.status, slow.code) == (504, "run.slow")
    assert (await stack.view(str(slow.extra["run_id"])))["status"] in ("queued", "running", "waiting")


async def test_a_duplicate_gets_the_first_ones_answer_and_starts_nothing(stack: Stack) -> None:
    await stack.define(hooked(ECHO, mode="sync", dedupe_key="{{ trigger.body.id }}"))
    first = await stack.post("echo", b'{"id": 1, "n": 1}')
    again = await asyncio.gather(*(stack.post("echo", b'{"id": 1, "n": 2}') for _ in range(5)))
    assert {answer.body for answer in again} == {first.body}
    assert (await stack.post("echo", b'{"id": 2}')).body != first.body
    await stack.define(hooked(flow(name="plain", a=step("core.set", values={}))))
    ids = {(await stack.post("plain", b"{}", headers={"idempotency-key": key})).body for key in ("a", "a", "b", "a")}
    assert len(ids) == 2
    keyless = {(await stack.post("plain", b"{}")).body for _ in range(3)}
    assert len(keyless) == 3


async def test_what_an_address_does_not_take_is_refused_with_the_reason(stack: Stack) -> None:
    await stack.define(
        hooked(ECHO, schema={"type": "object", "required": ["id"]}, rate_limit={"count": 2, "per": "1h"})
    )
    assert (await refused(stack, "echo", slug="nobody")).status == 404
    assert (await refused(stack, "nothing")).status == 404
    assert (await refused(stack, "echo", trigger="other")).status == 404
    method = await refused(stack, "echo", method="GET")
    assert (method.status, method.headers["Allow"]) == (405, "POST")
    wrong = await refused(stack, "echo", b"{}")
    assert (wrong.status, wrong.code) == (422, "input.invalid")
    assert (await refused(stack, "echo", b"{")).status == 400
    limited = await refused(stack, "echo", b'{"id": 1}')
    assert (limited.status, "Retry-After" in limited.headers) == (429, True)


async def test_paused_and_deleted_workflows_say_so(stack: Stack) -> None:
    await stack.define(hooked(ECHO))
    await stack.definitions.set_status(stack.workspace_id, "acme", "echo", "paused")
    paused = await refused(stack, "echo")
    assert (paused.status, paused.code) == (404, "workflow.paused")
    await stack.definitions.set_status(stack.workspace_id, "acme", "echo", "active")
    assert (await stack.post("echo")).status == 202
    await stack.definitions.delete(stack.workspace_id, "echo")
    assert (await refused(stack, "echo")).status == 410
    await stack.define(hooked(ECHO))
    assert (await stack.post("echo")).status == 202, "the name is free again"


async def test_a_key_is_asked_for_where_the_trigger_says_so_and_for_drafts(stack: Stack) -> None:
    await stack.define(hooked(ECHO, auth="key"))
    async with stack.db.engine() as conn:
        _, good = await api_keys.create(conn, stack.workspace_id, name="h", role="viewer", scopes=["hook"])
        _, other = await api_keys.create(conn, stack.workspace_id, name="o", role="owner")
    assert (await refused(stack, "echo")).status == 401
    assert (await refused(stack, "echo", headers={"x-api-key": "ms_wrong"})).status == 401
    assert (await refused(stack, "echo", headers={"x-api-key": other})).status == 403
    assert (await stack.post("echo", headers={"Authorization": f"Bearer {good}"})).status == 202
    assert (await stack.post("echo", headers={"X-Api-Key": good})).status == 202
    await stack.define(hooked(flow("draft", name="new", a=step("core.set", values={})), mode="sync"), deploy=False)
    assert (await refused(stack, "new")).status == 404
    assert (await refused(stack, "new", query=[("version", "draft")])).status == 401
    drafted = await stack.post("new", headers={"x-api-key": good}, query=[("version", "draft")])
    assert json.loads(drafted.body) == "draft"


async def test_a_large_body_arrives_and_comes_back_whole(stack: Stack) -> None:
    await stack.define(
        hooked(
            flow("{{ input }}", name="echo", a=step("core.set", values={"n": "{{ input.text | length }}"})), mode="sync"
        )
    )
    body = json.dumps({"text": "é" * 1_500_000}, ensure_ascii=False).encode()
    answer = await stack.post("echo", body)
    assert json.loads(answer.body) == json.loads(body)


async def test_a_rate_holds_over_all_processes_and_says_when_to_come_again(
    stack: Stack, db: Database, temporal_address: str
) -> None:
    await stack.define(hooked(ECHO, rate_limit={"count": 5, "per": "1h"}))

    async def answer(one: Stack) -> tuple[int, str]:
        try:
            return (await one.post("echo", b"{}")).status, "0"
        except Problem as problem:
            return problem.status, problem.headers["Retry-After"]

    async with open_stack(db, temporal_address, working=False) as other:
        found = await asyncio.gather(*(answer(one) for one in (stack, other) for _ in range(6)))
    assert sorted(status for status, _ in found) == [202] * 5 + [429] * 7
    assert all(3500 < int(after) <= 3600 for status, after in found if status == 429)
