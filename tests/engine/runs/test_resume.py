"""The address of an event step: who may post what, when, and what a person sees there."""

import json

import pytest

from engine.core.resume import make_token
from engine.dispatch.launch import resume_secret
from engine.problems import Problem
from engine.runs.reading import run_id_of
from tests.engine.runs.stack import Document, Stack
from tests.fixtures.flows import flow, step

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


async def waiting(stack: Stack, **inputs: object) -> tuple[str, str]:
    """A run that waits, and its token."""
    name = await stack.define(flow("{{ steps.e.output }}", e=step("core.wait_for_event", **inputs)))  # type: ignore[arg-type]
    run_id = await stack.start(name)
    await stack.until(run_id, lambda row: row.status == "waiting")
    (row,) = await stack.steps(run_id)
    return str(run_id), str(row["resume_url"]).removeprefix("http://localhost:8080/resume/")


async def refused(stack: Stack, token: str, body: bytes, content_type: str = JSON) -> Problem:
    with pytest.raises(Problem) as caught:
        await stack.resumer.post(token, body, content_type)
    return caught.value


async def test_the_first_body_is_the_steps_output_and_a_second_is_refused(stack: Stack) -> None:
    run_id, token = await waiting(stack)
    assert await stack.resumer.post(token, b'{"ok": true}', JSON) == {"run_id": run_id}
    assert (await refused(stack, token, b"{}")).status == 409
    assert (await stack.end(run_id)).output == {"ok": True}
    assert (await refused(stack, token, b"{}")).status == 409
    status, _ = await stack.resumer.page(token)
    assert status == 410


async def test_a_body_is_held_against_the_schema_and_looking_never_resumes(stack: Stack) -> None:
    run_id, token = await waiting(
        stack, schema={"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    )
    wrong = await refused(stack, token, b'{"n": "x"}')
    assert (wrong.status, wrong.code) == (422, "input.invalid")
    assert (await refused(stack, token, b"{")).status == 400
    status, page = await stack.resumer.page(token)
    assert (status, 'name="n"' in page) == (200, True)
    assert (await stack.view(run_id))["status"] == "waiting"
    await stack.resumer.post(token, b"n=7", FORM)
    assert (await stack.end(run_id)).output == {"n": 7}


async def test_a_form_gives_typed_values(stack: Stack) -> None:
    form = {"fields": [{"name": "amount", "type": "number", "required": True}, {"name": "sure", "type": "boolean"}]}
    run_id, token = await waiting(stack, form=form)
    assert (await refused(stack, token, b"amount=much", FORM)).status == 422
    assert (await refused(stack, token, json.dumps({"amount": 1, "extra": 2}).encode())).status == 422
    await stack.resumer.post(token, b"amount=12.5&sure=on", FORM)
    assert (await stack.end(run_id)).output == {"amount": 12.5, "sure": True}


async def test_a_body_that_comes_before_the_wait_is_kept(stack: Stack) -> None:
    name = await stack.define(
        flow("{{ steps.e.output }}", w=step("core.wait", duration="700ms"), e=step("core.wait_for_event", after="w"))
    )
    run_id = await stack.start(name)
    token = make_token(str(run_id), "e", resume_secret(stack.vault, str(run_id)))
    await stack.resumer.post(token, b"1", JSON)
    assert (await stack.end(run_id)).output == 1


async def test_no_other_address_leads_anywhere(stack: Stack) -> None:
    run_id, token = await waiting(stack)
    secret = resume_secret(stack.vault, run_id)
    for wrong in (
        "",
        "x",
        token[:-2],
        token + "AA",
        make_token(run_id, "e", b"another secret"),
        make_token(run_id, "nothing", secret),
        make_token("0" * 32, "e", secret),
    ):
        assert (await refused(stack, wrong, b"1")).status == 404
    await stack.canceller.cancel(stack.workspace_id, run_id_of(run_id))
    await stack.end(run_id)
    assert (await refused(stack, token, b"1")).status == 410


async def test_a_step_in_a_scope_that_is_tried_again_can_be_answered_when_it_waits_again(stack: Stack) -> None:
    name = await stack.define(
        {
            "schema_version": 1,
            "name": "again",
            "steps": {
                "t": {
                    "module": "core.try",
                    "version": 1,
                    "retry": {"max_attempts": 5, "initial": "50ms", "backoff": 1, "on": ["event.*"]},
                },
                "e": {"module": "core.wait_for_event", "version": 1, "parent": "t", "inputs": {"timeout": "2s"}},
            },
            "output": "{{ steps.e.output }}",
        }
    )
    run_id = await stack.start(name)

    rows: list[Document] = []
    with stack.hub.subscribe(str(run_id)) as news:
        while not any(row["attempt"] == 2 and row["status"] == "waiting" for row in rows):
            await news.wait(0.3)
            rows = await stack.steps(run_id)
    token = next(str(row["resume_url"]) for row in rows if row["path"] == "t.e").rpartition("/")[2]
    assert (await stack.resumer.page(token))[0] == 200
    await stack.resumer.post(token, b'{"ok": true}', JSON)
    ended = await stack.end(run_id)
    assert (ended.status, ended.output) == ("succeeded", {"ok": True})
