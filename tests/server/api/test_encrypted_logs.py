"""A workspace that keeps data of runs encrypted: its tables hold nothing readable, and whoever may read gets everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from engine.expressions.values import Json
from tests.fixtures.api import Api, JsonObject, open_api, problem
from tests.fixtures.database import fresh_database
from tests.fixtures.flows import flow, step
from tests.server.api.test_canaries import _dump as dump
from workspace.log_seal import FRESH_S

WORD = "Xylophonkanarie"


@pytest.fixture(scope="module")
async def sealed(
    postgres_url: str, template_database: str, temporal_address: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Api, str]]:
    """An installation of its own, and its database."""
    async for url in fresh_database(postgres_url, template_database):
        async with open_api(url, temporal_address, tmp_path_factory.mktemp("sealed")) as opened:
            await switch(opened, on=True)
            yield opened, url


async def switch(api: Api, *, on: bool) -> None:
    """And wait until every process knows it."""
    changed = await api.owner.patch("/workspaces/main", json={"encrypt_logs": on})
    assert changed.json()["encrypt_logs"] is on, changed.text
    await asyncio.sleep(FRESH_S + 0.1)


def word() -> str:
    return f"{WORD}{uuid4().hex}"


def everything(body: str) -> JsonObject:
    """Data in each place where a run keeps some: small and large, in steps that succeed, fail, wait and start others."""
    return flow(
        {"said": body, "large": "{{ steps.large.output.x }}", "posted": "{{ steps.asked.output }}"},
        said=step("core.log", message=body),
        small=step("core.set", after="said", values={"x": body}),
        large=step("core.set", after="small", values={"x": "{{ [trigger.body.word] * 4500 }}"}),
        broken={**step("core.fail", after="large", message=f"no {body}", details={"d": body}), "on_error": "continue"},
        asked=step("core.wait_for_event", after="broken", timeout="1h"),
    )


async def done(api: Api, text: str) -> tuple[str, str]:
    """A run through all of it, and its workflow."""
    workflow = await api.create(everything("{{ trigger.body.word }}"))
    run_id = await api.start(workflow, {"word": text})
    waiting = await api.until(run_id, "waiting")
    url = str(waiting["waiting_for"][0]["resume_url"])  # type: ignore[index, call-overload]
    assert (await api.outside.post(url, json={"answer": text})).status_code == 200
    return run_id, workflow


async def whole(api: Api, run: JsonObject, value: Json) -> Json:
    """A value, wherever it lies."""
    if not isinstance(value, dict) or "$ref" not in value:
        return value
    return (await api.owner.get(f"/runs/{run['run_id']}/payloads/{value['$ref']}")).json()


async def test_nothing_is_readable_in_the_tables_and_everything_by_the_api(sealed: tuple[Api, str]) -> None:
    api, url = sealed
    text = word()
    run_id, _ = await done(api, text)
    told = [event async for event in api.events(f"/runs/{run_id}/events")]
    run = (await api.owner.get(f"/runs/{run_id}")).json()
    assert run["status"] == "succeeded", run
    assert run["trigger"]["body"] == {"word": text}
    assert run["output"]["said"] == text
    assert run["output"]["posted"] == {"answer": text}
    assert run["output"]["large"] == [text] * 4500
    rows = {row["step"]: row for row in await api.steps(run_id)}
    assert rows["small"]["output"] == {"x": text}
    assert rows["broken"]["error"]["message"] == f"no {text}"  # type: ignore[index, call-overload]
    assert rows["large"]["output"] == {"x": [text] * 4500}
    assert any(event.kind == "log" and text in json.dumps(event.data) for event in told)
    assert any(event.kind == "step" and text in json.dumps(event.data) for event in told)
    # Asked for twice under one key, a run that is waited for is answered from what was kept.
    name = await api.create(flow("{{ trigger.body }}", a=step("core.set", values={"x": "{{ trigger.body }}"})))
    for _ in range(2):
        answer = await api.owner.post(
            f"/workflows/{name}/runs", json={"input": text, "wait": 30}, headers={"Idempotency-Key": "once"}
        )
        assert answer.json()["output"] == text, answer.text
    found = await dump(url)
    assert text.encode() not in found
    assert text.encode().hex().encode() not in found
    assert text[4:28].lower().encode() not in found, "the words of a search hold it"


async def test_a_run_is_replayed_whole_and_from_a_step(sealed: tuple[Api, str]) -> None:
    api, url = sealed
    text = word()
    run_id, _ = await done(api, text)
    await api.end(run_id)
    for body in ({}, {"from_step": "asked"}):
        again = (await api.owner.post(f"/runs/{run_id}/replay", json=body)).json()
        waiting = await api.until(str(again["run_id"]), "waiting")
        resume = str(waiting["waiting_for"][0]["resume_url"])  # type: ignore[index, call-overload]
        await api.outside.post(resume, json={"answer": f"{text}2"})
        run = await api.end(str(again["run_id"]))
        assert run["status"] == "succeeded", run
        assert run["output"]["posted"] == {"answer": f"{text}2"}  # type: ignore[index, call-overload]
        assert run["output"]["large"] == [text] * 4500  # type: ignore[index, call-overload]
    assert text.encode() not in await dump(url)


async def test_a_child_a_webhook_and_a_queue_keep_nothing_readable(sealed: tuple[Api, str]) -> None:
    api, url = sealed
    text = word()
    child = await api.create(
        flow({"echo": "{{ trigger.body }}"}, a=step("core.set", values={"x": "{{ trigger.body }}"}))
    )
    parent = await api.create(
        flow(
            "{{ steps.c.output }}",
            c=step("core.subworkflow", workflow=child, input={"long": "{{ [trigger.body] * 9000 }}"}),
        )
    )
    run = await api.run(parent, text)
    assert isinstance(run["output"], dict)
    assert await whole(api, run, run["output"]["echo"]) == {"long": [text] * 9000}
    document = flow("{{ trigger.body }}", r=step("core.respond", status=200, body="{{ trigger.body }}"))
    hook = await api.create(
        {**document, "triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync"}}}}
    )
    answer = await api.hook(hook, json={"w": text})
    assert (answer.status_code, answer.json()) == (200, {"w": text}), answer.text
    queue = f"q{uuid4().hex[:8]}"
    made = await api.owner.post(
        "/queues",
        json={
            "name": queue,
            "flush_batch_size": 1,
            "flush_record_max_age": "1s",
            "on_failure": "dead_letter",
            "max_attempts": 1,
        },
    )
    assert made.status_code == 201, made.text
    consumer = flow(None, f=step("core.fail", message="no {{ trigger.items[0].data.w }}"))
    await api.create(
        {**consumer, "triggers": {"take": {"module": "queue.consumer", "version": 1, "inputs": {"queue": queue}}}}
    )
    await api.owner.post(f"/queues/{queue}/items", json={"items": [{"data": {"w": text}}]})
    while not (letters := (await api.owner.get(f"/queues/{queue}/dead-letters")).json()["items"]):
        await asyncio.sleep(0.1)
    assert text in letters[0]["error"]["message"]
    assert text in json.dumps((await api.owner.get(f"/queues/{queue}/log")).json())
    assert text.encode() not in await dump(url)


async def test_q_is_refused_and_other_filters_work(sealed: tuple[Api, str]) -> None:
    api, _ = sealed
    name = await api.create(flow("{{ trigger.body }}", a=step("core.set", values={})))
    run = await api.run(name, word())
    problem(await api.owner.get("/runs", params={"q": WORD}), 422, "search.encrypted")
    found = (await api.owner.get("/runs", params={"workflow": name})).json()["items"]
    assert [one["run_id"] for one in found] == [run["run_id"]]


@pytest.mark.slow
async def test_each_row_says_which_it_is(sealed: tuple[Api, str]) -> None:
    """What was written before stays readable as it is, also what looks as if it were closed."""
    api, url = sealed
    await switch(api, on=False)
    name = await api.create(flow("{{ trigger.body }}", a=step("core.set", values={"x": "{{ trigger.body }}"})))
    before = word()
    odd: list[JsonObject] = [{"$sealed": "AQAAAAE="}, {"$plain": 1}, {"$plain": {"$sealed": "x"}, "$sealed": "y"}]
    runs = [await api.run(name, body) for body in (before, *odd)]
    assert before.encode() in await dump(url)
    assert [run["output"] for run in runs] == [before, *odd]
    await switch(api, on=True)
    runs += [await api.run(name, body) for body in (word(), *odd)]
    await switch(api, on=False)
    assert WORD in json.dumps((await api.owner.get("/runs", params={"q": before})).json())
    for run in runs:
        assert (await api.owner.get(f"/runs/{run['run_id']}")).json()["output"] == run["output"]
    await switch(api, on=True)


async def test_only_an_owner_chooses_and_the_trail_says_so(sealed: tuple[Api, str]) -> None:
    api, _ = sealed
    problem(await api.editor.patch("/workspaces/main", json={"encrypt_logs": False}), 403, "auth.forbidden")
    trail = (await api.owner.get("/audit", params={"kind": "workspace"})).json()["items"]
    assert trail[0]["after"]["encrypt_logs"] is True
