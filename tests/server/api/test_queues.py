"""App queues by their routes: settings, items, refusals, and what a queue says when its items don't move."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from engine.expressions.values import Json
from tests.fixtures.api import JSON, Api, encoded, problem
from tests.fixtures.flows import flow, step

DEFAULTS = {
    "flush_batch_size": 1000,
    "flush_record_max_age": 60,
    "flush_rate_limit_max_flush_count": 10,
    "flush_rate_limit_time_window": 1,
    "flush_strategy": "fifo",
    "ordering": "queue",
    "max_parallel_batches": 1,
    "on_failure": "block",
    "max_attempts": 3,
    "dedupe_window": 86400,
    "status": "running",
}


async def made(api: Api, **settings: Json) -> str:
    """The name of a new queue."""
    name = f"q-{uuid4().hex[:10]}"
    answer = await api.editor.post("/queues", json={"name": name, **settings})
    assert answer.status_code == 201, answer.text
    return name


async def put(api: Api, queue: str, *data: Json, **each: Json) -> list[str]:
    """The ids of new items, oldest first."""
    answer = await api.editor.post(f"/queues/{queue}/items", json={"items": [{"data": one, **each} for one in data]})
    assert answer.status_code == 201, answer.text
    return answer.json()["item_ids"]


async def consumer(api: Api, queue: str, **steps: Any) -> str:
    """The name of a workflow that takes the queue's items."""
    document = flow("{{ trigger.items | map(attribute='data') }}", **(steps or {"a": step("core.log", message="m")}))
    trigger = {"module": "queue.consumer", "version": 1, "inputs": {"queue": queue}}
    return await api.create({**document, "triggers": {"take": trigger}})


async def shown(api: Api, queue: str) -> dict[str, Any]:
    return (await api.viewer.get(f"/queues/{queue}")).json()


async def flushed(api: Api, queue: str, count: int) -> list[dict[str, Any]]:
    """The log, oldest first, once so many flushes have ended."""
    while True:
        rows = (await api.viewer.get(f"/queues/{queue}/log")).json()["items"]
        if len([row for row in rows if row["finished_at"] is not None]) >= count:
            return rows[::-1]
        await asyncio.sleep(0.02)


async def test_a_queue_is_made_with_defaults_read_changed_and_deleted(api: Api) -> None:
    name = f"q-{uuid4().hex[:10]}"
    answer = await api.editor.post("/queues", json={"name": name})
    queue = answer.json()
    assert answer.status_code == 201
    assert {key: queue[key] for key in DEFAULTS} == DEFAULTS
    assert (queue["name"], queue["consumer"], queue["depth"]) == (name, None, 0)
    assert "No workflow takes its items" in queue["reason"]
    assert await shown(api, name) == await shown(api, queue["queue_id"]) == queue
    problem(await api.editor.post("/queues", json={"name": name}), 409, "queue.exists")
    changed = await api.editor.patch(
        f"/queues/{name}",
        json={"flush_record_max_age": "5m", "ordering": "key", "max_parallel_batches": 4, "status": "paused"},
    )
    assert changed.status_code == 200, changed.text
    expected = {"flush_record_max_age": 300, "ordering": "key", "max_parallel_batches": 4, "status": "paused"}
    assert {key: changed.json()[key] for key in DEFAULTS} == {**DEFAULTS, **expected}
    gone = await api.editor.delete(f"/queues/{name}")
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await api.editor.get(f"/queues/{name}"), 404, "queue.unknown")


async def test_queues_of_others_are_unknown_and_a_near_name_is_told(api: Api) -> None:
    name = await made(api)
    (item_id,) = await put(api, name, 1)
    queue_id = (await shown(api, name))["queue_id"]
    for reference in (name, queue_id, str(uuid4()), "x%00", "%ED%A0%80", "nope"):
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"status": "paused"}),
            ("DELETE", "?force=true", None),
            ("POST", "/items", {"items": [{"data": 1}]}),
            ("GET", "/items", None),
            ("GET", "/dead-letters", None),
            ("GET", "/log", None),
            ("GET", "/stats", None),
            ("POST", "/flush", None),
            ("POST", "/pause", None),
            ("POST", "/resume", None),
            ("POST", "/clear", None),
            ("POST", "/dead-letters/replay", {"item_ids": [item_id]}),
            ("POST", "/dead-letters/drop", {"all": True}),
        ):
            answer = await api.foreign.request(method, f"/queues/{reference}{path}", json=body)
            assert "Did you mean" not in problem(answer, 404, "queue.unknown")["detail"]  # type: ignore[operator]
    assert name not in [one["name"] for one in (await api.foreign.get("/queues")).json()["items"]]
    near = problem(await api.viewer.get(f"/queues/{name[:-1]}"), 404, "queue.unknown")
    assert f"Did you mean '{name}'?" in str(near["detail"])
    assert (await shown(api, name))["depth"] == 1


async def test_roles_decide_what_may_be_done(api: Api) -> None:
    name = await made(api)
    problem(await api.viewer.post("/queues", json={"name": "x"}), 403, "auth.forbidden")
    problem(await api.viewer.post(f"/queues/{name}/items", json={"items": [{"data": 1}]}), 403, "auth.forbidden")
    problem(await api.viewer.post(f"/queues/{name}/clear"), 403, "auth.forbidden")
    problem(await api.nobody.get(f"/queues/{name}"), 401, "auth.required")
    assert (await api.viewer.get(f"/queues/{name}/items")).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ({}, "/name", "63 lower-case"),
        ({"name": "A b"}, "/name", "63 lower-case"),
        ({"name": 7}, "/name", "63 lower-case"),
        ({"name": "a" * 64}, "/name", "63 lower-case"),
        ({"name": "a\n"}, "/name", "63 lower-case"),
        ({"name": "01a20653-2417-7c34-b65c-12aff05c02ce"}, "/name", "reads as an id"),
        ({"name": "a", "flush_batchsize": 1}, "/flush_batchsize", "not known"),
        ({"name": "a", "flush_batch_size": 0}, "/flush_batch_size", "from 1 to 10,000"),
        ({"name": "a", "flush_batch_size": 10_001}, "/flush_batch_size", "from 1 to 10,000"),
        ({"name": "a", "flush_batch_size": True}, "/flush_batch_size", "whole number"),
        ({"name": "a", "flush_batch_size": None}, "/flush_batch_size", "whole number"),
        ({"name": "a", "flush_record_max_age": "1 week"}, "/flush_record_max_age", "not a duration"),
        ({"name": "a", "flush_record_max_age": 0.5}, "/flush_record_max_age", "from 1 to 86,400"),
        ({"name": "a", "flush_record_max_age": "25h"}, "/flush_record_max_age", "from 1 to 86,400"),
        ({"name": "a", "dedupe_window": -1}, "/dedupe_window", "negative"),
        ({"name": "a", "flush_rate_limit_time_window": 0}, "/flush_rate_limit_time_window", "0.001"),
        ({"name": "a", "flush_strategy": "random"}, "/flush_strategy", "fifo, lifo"),
        ({"name": "a", "on_failure": []}, "/on_failure", "bisect"),
        ({"name": "a", "status": "stopped"}, "/status", "paused"),
        ({"name": "a", "ordering": "key", "flush_strategy": "lifo"}, "/flush_strategy", "breaks the order"),
        ({"name": "a", "max_parallel_batches": 2}, "/max_parallel_batches", "break the order"),
    ],
)
async def test_settings_that_cannot_be_are_refused_with_words(api: Api, body: Json, path: str, says: str) -> None:
    found = problem(await api.editor.post("/queues", json=body), 422, "request.invalid")["findings"]
    assert isinstance(found, list)
    assert [(one["path"], says in one["message"]) for one in found] == [(path, True)]  # type: ignore[index,operator]


async def test_a_change_is_held_against_what_holds_already(api: Api) -> None:
    name = await made(api, ordering="key", max_parallel_batches=5)
    refused = await api.editor.patch(f"/queues/{name}", json={"ordering": "queue"})
    assert problem(refused, 422, "request.invalid")["findings"][0]["path"] == "/ordering"  # type: ignore[index]
    renamed = problem(await api.editor.patch(f"/queues/{name}", json={"name": "other"}), 422, "request.invalid")
    assert "documents name it" in str(renamed["detail"])
    await put(api, name, 1, 2, ordering_key="k")
    held = await api.editor.patch(f"/queues/{name}", json={"ordering": "queue", "max_parallel_batches": 1})
    found = problem(held, 409, "queue.not_empty")
    assert ("2 items (2 waiting)" in str(found["detail"]), found["items"]) == (True, 2)
    assert (await api.editor.patch(f"/queues/{name}", json={"max_attempts": 7})).json()["max_attempts"] == 7
    assert (await api.editor.patch(f"/queues/{name}", json={})).json()["ordering"] == "key"


async def test_items_are_kept_whole_and_shown_newest_first(api: Api) -> None:
    name = await made(api, flush_record_max_age=3600)
    data: list[Json] = [{"a": [1, None, "\x00\ud800"]}, 2**63, "", None, 1.5]
    answer = await api.editor.post(
        f"/queues/{name}/items", content=encoded({"items": [{"data": one} for one in data]}), headers=JSON
    )
    assert (answer.status_code, answer.json()["accepted"], answer.json()["duplicates"]) == (201, 5, 0)
    later = await put(api, name, "later", delay="1h", ordering_key="k")
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = (
            await api.viewer.get(f"/queues/{name}/items", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(str(row["data"]) for row in rows) == sorted(str(one) for one in [*data, "later"])
    assert {row["item_id"] for row in rows} == {*answer.json()["item_ids"], *later}
    assert rows[0]["item_id"] == later[0]
    assert (rows[0]["state"], rows[0]["ordering_key"], rows[0]["available_at"] is None) == ("delayed", "k", False)
    assert {(row["state"], row["attempts"]) for row in rows[1:]} == {("waiting", 0)}
    stats = (await api.viewer.get(f"/queues/{name}/stats")).json()
    assert (stats["depth"], stats["delayed"], stats["in_flight"], stats["dead"]) == (5, 1, 0, 0)


async def test_a_page_of_large_items_is_shorter_and_none_is_passed_over(api: Api) -> None:
    name = await made(api, flush_record_max_age=3600)
    ids: list[str] = []
    for _ in range(2):
        ids += await put(api, name, *(f"{n}" + "x" * 1_000_000 for n in range(15)))
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await api.viewer.get(f"/queues/{name}/items", params={"limit": 100, **cursor})).json()
        pages.append([row["item_id"] for row in answer["items"]])
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert sorted(item_id for page in pages for item_id in page) == sorted(ids)
    assert 1 < len(pages) < 5


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/items"),
        ({"items": []}, "/items"),
        ({"items": {}}, "/items"),
        ({"items": [{"data": 1}] * 10_001}, "/items"),
        ({"items": [{"data": 1}], "queue": 1}, "/queue"),
        ({"items": [{"data": 1}, 2]}, "/items/1"),
        ({"items": [{"data": 1}, {}]}, "/items/1"),
        ({"items": [{"data": 1, "key": "a"}]}, "/items/0/key"),
        ({"items": [{"data": 1}, {"data": 1, "ordering_key": 7}]}, "/items/1/ordering_key"),
        ({"items": [{"data": 1, "ordering_key": ""}]}, "/items/0/ordering_key"),
        ({"items": [{"data": 1, "ordering_key": "x" * 501}]}, "/items/0/ordering_key"),
        ({"items": [{"data": 1, "ordering_key": "a\x00"}]}, "/items/0/ordering_key"),
        ({"items": [{"data": 1, "dedupe_key": ["a"]}]}, "/items/0/dedupe_key"),
        ({"items": [{"data": 1, "dedupe_key": "\ud800"}]}, "/items/0/dedupe_key"),
        ({"items": [{"data": 1, "delay": -1}]}, "/items/0/delay"),
        ({"items": [{"data": 1, "delay": "soon"}]}, "/items/0/delay"),
        ({"items": [{"data": 1, "delay": True}]}, "/items/0/delay"),
        ({"items": [{"data": 1, "delay": "367d"}]}, "/items/0/delay"),
    ],
)
async def test_items_that_cannot_be_are_refused_whole_and_named(api: Api, body: Json, path: str) -> None:
    name = await made(api)
    answer = await api.editor.post(f"/queues/{name}/items", content=encoded(body), headers=JSON)
    found = problem(answer, 422, "request.invalid")["findings"]
    assert isinstance(found, list)
    assert [one["path"] for one in found] == [path]  # type: ignore[index]
    assert (await shown(api, name))["depth"] == 0


async def test_an_item_over_the_limit_is_named_and_nothing_is_added(api: Api) -> None:
    name = await made(api)
    answer = await api.editor.post(f"/queues/{name}/items", json={"items": [{"data": 1}, {"data": "x" * 2**20}]})
    found = problem(answer, 413, "payload.too_large")
    assert (found["index"], "Item 1" in str(found["detail"])) == (1, True)
    problem(
        await api.editor.post(f"/queues/{name}/items", content=b" " * (20 * 2**20 + 1), headers=JSON),
        413,
        "payload.too_large",
    )
    assert (await shown(api, name))["depth"] == 0
    keyed = await made(api, ordering="key")
    delayed = await api.editor.post(f"/queues/{keyed}/items", json={"items": [{"data": 1, "delay": 1}]})
    problem(delayed, 422, "queue.delay_with_keys")
    assert len(await put(api, keyed, 1, delay=0)) == 1


async def test_the_same_again_adds_nothing(api: Api) -> None:
    name = await made(api)
    headers = {"Idempotency-Key": uuid4().hex}
    body = {"items": [{"data": 1}, {"data": 2}]}
    first = await api.editor.post(f"/queues/{name}/items", json=body, headers=headers)
    again = await api.editor.post(f"/queues/{name}/items", json=body, headers=headers)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    async with api.db.tenant(api.workspace_id) as connection:  # as if the server had died before it kept its answer
        await connection.script(f"delete from idempotency_keys where key = '{headers['Idempotency-Key']}'")
    lost = (await api.editor.post(f"/queues/{name}/items", json=body, headers=headers)).json()
    assert (lost, (await shown(api, name))["depth"]) == ({"accepted": 2, "duplicates": 0, "item_ids": []}, 2)
    twice = {"items": [{"data": 1, "dedupe_key": "a"}, {"data": 2, "dedupe_key": "a"}, {"data": 3}]}
    answer = (await api.editor.post(f"/queues/{name}/items", json=twice)).json()
    assert (answer["accepted"], answer["duplicates"], len(answer["item_ids"])) == (2, 1, 2)
    assert (await shown(api, name))["depth"] == 4


async def test_deleting_a_queue_with_items_asks_for_force_and_says_how_many(api: Api) -> None:
    name = await made(api)
    await put(api, name, 1, 2)
    await put(api, name, 3, delay=60)
    refused = problem(await api.editor.delete(f"/queues/{name}"), 409, "queue.not_empty")
    assert "3 items (2 waiting, 1 delayed)" in str(refused["detail"])
    assert (refused["items"], refused["dead_letters"]) == (3, 0)
    assert (await api.editor.delete(f"/queues/{name}", params={"force": "true"})).status_code == 204
    problem(await api.editor.get(f"/queues/{name}"), 404, "queue.unknown")
    assert (await api.editor.post("/queues", json={"name": name})).json()["depth"] == 0


async def test_clear_takes_what_waits(api: Api) -> None:
    name = await made(api)
    await put(api, name, 1, 2)
    await put(api, name, 3, delay=60)
    assert (await api.editor.post(f"/queues/{name}/clear")).json() == {"cleared": 3}
    assert (await api.viewer.get(f"/queues/{name}/items")).json()["items"] == []


async def test_a_queue_says_why_its_items_do_not_move(api: Api) -> None:
    name = await made(api, flush_record_max_age=3600, max_attempts=1)
    await put(api, name, "x")
    none = problem(await api.editor.post(f"/queues/{name}/flush"), 409, "queue.no_consumer")
    assert "deploy one with a queue.consumer" in str(none["detail"])
    workflow = await consumer(api, name, a=step("core.fail", code="a.b", message="no"))
    queue = await shown(api, name)
    assert (queue["consumer"], queue["reason"]) == (
        {"workflow": workflow, "trigger": "take", "status": "active"},
        None,
    )
    paused = await api.editor.post(f"/queues/{name}/pause")
    assert (paused.json()["status"], "paused" in paused.json()["reason"]) == ("paused", True)
    problem(await api.editor.post(f"/queues/{name}/flush"), 409, "queue.paused")
    assert (await api.editor.post(f"/queues/{name}/resume")).json()["reason"] is None
    await api.editor.patch(f"/workflows/{workflow}", json={"status": "paused"})
    assert workflow in (await shown(api, name))["reason"]
    problem(await api.editor.post(f"/queues/{name}/flush"), 409, "queue.paused")
    await api.editor.patch(f"/workflows/{workflow}", json={"status": "active"})
    answer = await api.editor.post(f"/queues/{name}/flush")
    assert (answer.status_code, answer.json()) == (202, {"keys": 1})
    (flush,) = await flushed(api, name, 1)
    assert (flush["status"], flush["fate"], flush["reason"], flush["items"]) == ("failed", "blocked", "demand", 1)
    assert (flush["error"]["code"], flush["duration_ms"] >= 0, UUID(flush["batch_id"]).version) == ("a.b", True, 7)
    assert f"the run {flush['run_id']} failed" in (await shown(api, name))["reason"]
    await api.owner.delete(f"/workflows/{workflow}")
    gone = await shown(api, name)
    assert (gone["consumer"], gone["depth"]) == (None, 1)
    assert gone["reason"].startswith(f"The workflow '{workflow}', which took its items, was deleted. They are kept")


async def test_dead_letters_are_shown_replayed_and_dropped(api: Api) -> None:
    name = await made(api, flush_batch_size=2, max_attempts=1, on_failure="dead_letter")
    await consumer(api, name, a=step("core.assert", condition="{{ trigger.items[0].attempts > 1 }}", message="bad"))
    ids = await put(api, name, "a", "b")
    (flush,) = await flushed(api, name, 1)
    letters = (await api.viewer.get(f"/queues/{name}/dead-letters")).json()["items"]
    assert sorted(one["item_id"] for one in letters) == sorted(ids)
    one = letters[0]
    assert (one["error"]["code"], one["run_id"], one["attempts"]) == ("assert.failed", flush["run_id"], 1)
    refused = problem(await api.editor.delete(f"/queues/{name}"), 409, "queue.not_empty")
    assert ("2 dead letters" in str(refused["detail"]), refused["items"], refused["dead_letters"]) == (True, 0, 2)
    for wrong in ({}, {"all": False}, {"all": True, "item_ids": ids}, {"item_ids": ["x"]}, {"item_ids": 1}, {"all": 1}):
        problem(await api.editor.post(f"/queues/{name}/dead-letters/replay", json=wrong), 422, "request.invalid")
    await api.editor.post(f"/queues/{name}/pause")
    chosen = await api.editor.post(f"/queues/{name}/dead-letters/replay", json={"item_ids": [ids[0], str(uuid4())]})
    assert chosen.json() == {"replayed": 1}
    assert (await api.viewer.get(f"/queues/{name}/items")).json()["items"][0]["item_id"] == ids[0]
    assert (await api.editor.post(f"/queues/{name}/dead-letters/replay", json={"all": True})).json() == {"replayed": 1}
    assert (await shown(api, name))["depth"] == 2
    await api.editor.post(f"/queues/{name}/resume")
    await flushed(api, name, 2)
    assert (await api.editor.post(f"/queues/{name}/dead-letters/drop", json={"all": True})).json() == {"dropped": 2}
    assert (await api.editor.delete(f"/queues/{name}")).status_code == 204


async def test_a_document_takes_a_queue_that_is_there_and_free(api: Api) -> None:
    name = await made(api)

    async def deployed(queue: str, workflow: str | None = None, **more: Json) -> httpx.Response:
        workflow = workflow or f"w-{uuid4().hex[:10]}"
        trigger: Json = {"module": "queue.consumer", "version": 1, "inputs": {"queue": queue}, **more}
        document = {**flow("1", a=step("core.log", message="m")), "name": workflow, "triggers": {"take": trigger}}
        await api.create(document, name=workflow, deploy=False)
        return await api.editor.post(f"/workflows/{workflow}/deploy", json={})

    unknown = problem(await deployed(name[:-1]), 422, "document.invalid")
    assert [(one["code"], one["path"]) for one in unknown["findings"]] == [  # type: ignore[index,union-attr]
        ("queue.unknown", "/triggers/take/inputs/queue")
    ]
    assert (await deployed(name, disabled=True)).status_code == 201
    assert (await shown(api, name))["consumer"] is None
    first = f"first-{uuid4().hex[:8]}"
    assert (await deployed(name, first)).status_code == 201
    queue_id = (await shown(api, name))["queue_id"]
    taken = problem(await deployed(queue_id), 422, "document.invalid")
    assert taken["findings"][0]["code"] == "queue.taken"  # type: ignore[index]
    draft = (await api.editor.get(f"/workflows/{first}/draft")).json()
    without = {**draft["document"], "triggers": {}}
    await api.editor.put(f"/workflows/{first}/draft", json={"document": without, "base_revision": draft["revision"]})
    await api.editor.post(f"/workflows/{first}/deploy", json={})
    left = await shown(api, name)
    assert (left["consumer"], "takes its items no more" in left["reason"]) == (None, True)
    assert (await api.editor.post(f"/workflows/{first}/versions/1/rollback", json={})).status_code == 200
    assert (await shown(api, name))["consumer"]["workflow"] == first
    await api.editor.post(f"/workflows/{first}/versions/2/rollback", json={})
    assert (await deployed(name)).status_code == 201
    refused = await api.editor.post(f"/workflows/{first}/versions/1/rollback", json={})
    assert problem(refused, 422, "document.invalid")["findings"][0]["code"] == "queue.taken"  # type: ignore[index]


async def test_two_deploys_at_once_give_the_queue_to_one(api: Api) -> None:
    name = await made(api)
    document = flow("1", a=step("core.log", message="m"))
    trigger: Json = {"module": "queue.consumer", "version": 1, "inputs": {"queue": name}}
    names = [await api.create({**document, "triggers": {"take": trigger}}, deploy=False) for _ in range(6)]
    answers = await asyncio.gather(*(api.editor.post(f"/workflows/{one}/deploy", json={}) for one in names))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 5
    (winner,) = (one for one, answer in zip(names, answers, strict=True) if answer.status_code == 201)
    assert (await shown(api, name))["consumer"]["workflow"] == winner


async def test_a_run_by_hand_sees_items_as_the_queue_gives_them(api: Api) -> None:
    name = await made(api)
    workflow = await consumer(api, name)
    run = await api.run(workflow, trigger={"type": "queue", "items": [{"item_id": "1", "data": "a"}]})
    assert (run["status"], run["output"]) == ("succeeded", ["a"])
    assert run["input"] == {"items": [{"item_id": "1", "data": "a"}]}
    problem(
        await api.owner.post(f"/workflows/{workflow}/runs", json={"trigger": {"type": "queue"}}), 422, "trigger.invalid"
    )


async def test_lists_go_by_pages(api: Api) -> None:
    names = [await made(api) for _ in range(3)]
    page = (await api.viewer.get("/queues", params={"limit": 2})).json()
    rest = (await api.viewer.get("/queues", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [one["name"] for one in page["items"] + rest["items"]][:3] == names[::-1]
    for path in ("", f"/{names[0]}/items", f"/{names[0]}/dead-letters", f"/{names[0]}/log"):
        problem(await api.viewer.get(f"/queues{path}", params={"cursor": "x"}), 422, "cursor.invalid")
