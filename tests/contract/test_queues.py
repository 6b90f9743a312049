"""App queues, by the API and the command line, over a whole stack."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import LIMIT_S, Ran, Stack, problem

Row = dict[str, Any]
SEEN = "{{ trigger.items | map(attribute='data') }}"


async def made(stack: Stack, **settings: object) -> str:
    name = f"q-{uuid4().hex[:10]}"
    answer = await stack.http.post("/queues", json={"name": name, **settings})
    assert answer.status_code == 201, answer.text
    return name


async def consumer(stack: Stack, queue: str, steps: str = "a: {module: core.log, inputs: {message: m}}") -> str:
    return await stack.deploy(f"""
triggers: {{take: {{module: queue.consumer, inputs: {{queue: {queue}}}}}}}
steps: {{{steps}}}
output: "{SEEN}"
""")


async def put(stack: Stack, queue: str, *data: object, **each: object) -> list[str]:
    items = [{"data": one, **each} for one in data]
    answer = await stack.http.post(f"/queues/{queue}/items", json={"items": items})
    assert answer.status_code == 201, answer.text
    return answer.json()["item_ids"]


async def ended(stack: Stack, queue: str, count: int) -> list[Row]:
    """The log, oldest first, once so many flushes have ended."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            rows = (await stack.http.get(f"/queues/{queue}/log", params={"limit": 500})).json()["items"]
            if len([row for row in rows if row["finished_at"] is not None]) >= count:
                return rows[::-1]
            await asyncio.sleep(0.03)


async def outputs(stack: Stack, rows: list[Row]) -> list[Any]:
    return [(await stack.get(row["run_id"]))["output"] for row in rows]


async def stats(stack: Stack, queue: str) -> Row:
    return (await stack.http.get(f"/queues/{queue}/stats")).json()


async def test_a_full_batch_is_one_run_and_the_rest_waits_for_demand(stack: Stack) -> None:
    queue = await made(stack, flush_batch_size=3, flush_record_max_age=3600)
    await consumer(stack, queue)
    ids = await put(stack, queue, 1, 2, 3, 4)
    (full,) = await ended(stack, queue, 1)
    run = await stack.end(full["run_id"])
    assert (run.said, full["reason"], full["items"]) == (("succeeded", [1, 2, 3]), "full", 3)
    assert (run["trigger"]["type"], run["trigger"]["id"]) == ("queue", "take")
    assert [item["item_id"] for item in run["input"]["items"]] == ids[:3]
    assert run["trigger"]["items"] == run["input"]["items"]
    assert set(run["input"]["items"][0]) == {"item_id", "data", "ordering_key", "attempts", "enqueued_at"}
    assert (await stats(stack, queue))["depth"] == 1
    answer = await stack.http.post(f"/queues/{queue}/flush")
    assert (answer.status_code, answer.json()) == (202, {"keys": 1})
    assert [row["reason"] for row in await ended(stack, queue, 2)] == ["full", "demand"]
    assert (await stats(stack, queue))["depth"] == 0


async def test_items_go_when_the_oldest_reaches_its_age(stack: Stack) -> None:
    queue = await made(stack, flush_record_max_age=1)
    await consumer(stack, queue)
    await put(stack, queue, "old")
    (row,) = await ended(stack, queue, 1)
    assert (row["reason"], row["fate"]) == ("age", "done")
    waited = await stack.http.get(f"/runs/{row['run_id']}")
    (item,) = waited.json()["input"]["items"]
    assert waited.json()["queued_at"] > item["enqueued_at"]


async def test_no_more_batches_begin_than_the_rate_allows(stack: Stack) -> None:
    queue = await made(stack, flush_batch_size=1, flush_rate_limit_max_flush_count=2, flush_rate_limit_time_window=1.5)
    await consumer(stack, queue)
    await put(stack, queue, *range(5))
    rows = await ended(stack, queue, 5)
    starts = sorted(_seconds(row["flushed_at"]) for row in rows)
    assert all(later - earlier >= 1.5 for earlier, later in zip(starts, starts[2:], strict=False))
    assert await outputs(stack, rows) == [[n] for n in range(5)]


async def test_keys_go_side_by_side_and_each_in_its_order(stack: Stack) -> None:
    queue = await made(
        stack, ordering="key", max_parallel_batches=4, flush_batch_size=2, flush_record_max_age=1,
        flush_rate_limit_max_flush_count=1000,
    )  # fmt: skip
    await consumer(stack, queue, "w: {module: core.wait, inputs: {duration: 300ms}}")
    items = [{"data": [key, n], "ordering_key": key} for n in range(4) for key in "abcd"]
    assert (await stack.http.post(f"/queues/{queue}/items", json={"items": items})).status_code == 201
    rows = await ended(stack, queue, 8)
    for key in "abcd":
        mine = [row for row in rows if row["ordering_key"] == key]
        assert await outputs(stack, mine) == [[[key, 0], [key, 1]], [[key, 2], [key, 3]]]
        assert all(mine[n]["finished_at"] <= mine[n + 1]["flushed_at"] for n in range(len(mine) - 1))
    together = [sum(other["flushed_at"] <= row["flushed_at"] < other["finished_at"] for other in rows) for row in rows]
    assert 1 < max(together) <= 4


async def test_block_stops_the_queue_until_it_is_resumed(stack: Stack) -> None:
    queue = await made(stack, flush_batch_size=1, max_attempts=2)
    path = f"/{uuid4().hex}"
    stack.web.answer("POST", path, Answer(500))
    await consumer(stack, queue, f"a: {{module: http.request, inputs: {{method: POST, url: '{stack.web.url}{path}'}}}}")
    await put(stack, queue, "first", "second")
    rows = await ended(stack, queue, 2)
    assert [(row["attempt"], row["fate"]) for row in rows] == [(1, "retried"), (2, "blocked")]
    assert rows[0]["batch_id"] == rows[1]["batch_id"]
    shown = (await stack.http.get(f"/queues/{queue}")).json()
    assert rows[1]["run_id"] in shown["reason"]
    assert ((await stats(stack, queue))["blocked_keys"], shown["depth"]) == (1, 2)
    keys = {request.headers["idempotency-key"] for request in stack.asked(path)}
    assert keys == {f"{rows[0]['batch_id']}:a"}  # the same in each attempt at that batch
    stack.web.answer("POST", path, Answer(200))
    assert (await stack.http.post(f"/queues/{queue}/resume")).json()["reason"] is None
    after = await ended(stack, queue, 4)
    assert [row["fate"] for row in after] == ["retried", "blocked", "done", "done"]
    assert await outputs(stack, after[2:]) == [["first"], ["second"]]


async def test_bisect_finds_the_poison_and_it_can_be_replayed(stack: Stack) -> None:
    queue = await made(
        stack, flush_batch_size=8, max_attempts=1, on_failure="bisect", flush_rate_limit_max_flush_count=100
    )
    check = "{{ 'poison' not in (trigger.items | map(attribute='data')) or trigger.items | length == 1 and vars.SOUND_QUEUE | default(false) }}"
    await consumer(stack, queue, f'a: {{module: core.assert, inputs: {{condition: "{check}", message: poison}}}}')
    await put(stack, queue, *range(5), "poison", *range(6, 8))
    async with asyncio.timeout(LIMIT_S):
        while (found := await stats(stack, queue))["dead"] + found["depth"] + found["in_flight"] != 1:
            await asyncio.sleep(0.03)
    assert found["dead"] == 1
    (letter,) = (await stack.http.get(f"/queues/{queue}/dead-letters")).json()["items"]
    assert (letter["data"], letter["error"]["code"]) == ("poison", "assert.failed")
    rows = await ended(stack, queue, 3)
    done = await outputs(stack, [row for row in rows if row["fate"] == "done"])
    assert sorted(one for batch in done for one in batch) == [0, 1, 2, 3, 4, 6, 7]
    await stack.http.post("/variables", json={"name": "SOUND_QUEUE", "value": True})
    replayed = await stack.http.post(f"/queues/{queue}/dead-letters/replay", json={"all": True})
    assert replayed.json() == {"replayed": 1}
    await stack.http.post(f"/queues/{queue}/flush")
    assert (await ended(stack, queue, len(rows) + 1))[-1]["fate"] == "done"
    await stack.http.delete("/variables/SOUND_QUEUE")


async def test_dead_letters_leave_the_way_free(stack: Stack) -> None:
    queue = await made(stack, flush_batch_size=1, max_attempts=1, on_failure="dead_letter")
    await consumer(
        stack,
        queue,
        "a: {module: core.assert, inputs: {condition: \"{{ trigger.items[0].data != 'bad' }}\", message: no}}",
    )
    await put(stack, queue, "bad", "good")
    rows = await ended(stack, queue, 2)
    assert [row["fate"] for row in rows] == ["dead_lettered", "done"]
    letters = (await stack.http.get(f"/queues/{queue}/dead-letters")).json()["items"]
    assert [(one["data"], one["run_id"]) for one in letters] == [("bad", rows[0]["run_id"])]


async def test_delayed_and_repeated_items(stack: Stack) -> None:
    queue = await made(stack, flush_batch_size=1)
    await consumer(stack, queue)
    await put(stack, queue, "late", delay="1s")
    await put(stack, queue, "now", dedupe_key="k")
    assert await put(stack, queue, "again", dedupe_key="k") == []
    rows = await ended(stack, queue, 2)
    assert await outputs(stack, rows) == [["now"], ["late"]]


async def test_a_paused_queue_takes_items_and_hands_none_out(stack: Stack) -> None:
    queue = await made(stack, flush_batch_size=1)
    await consumer(stack, queue)
    assert (await stack.http.post(f"/queues/{queue}/pause")).json()["status"] == "paused"
    await put(stack, queue, 1, 2)
    problem(await stack.http.post(f"/queues/{queue}/flush"), 409, "queue.paused")
    assert ((await stats(stack, queue))["depth"], (await stack.http.get(f"/queues/{queue}/log")).json()["items"]) == (
        2,
        [],
    )
    await stack.http.post(f"/queues/{queue}/resume")
    assert await outputs(stack, await ended(stack, queue, 2)) == [[1], [2]]


async def test_a_step_adds_once_though_the_run_is_tried_again(stack: Stack) -> None:
    """A batch that fails after it has added to another queue adds nothing more in its next attempt."""
    first, second = await made(stack, flush_batch_size=1, max_attempts=2), await made(stack)
    path = f"/{uuid4().hex}"
    stack.web.answer("POST", path, Answer(400))
    add = f"add: {{module: queue.enqueue, inputs: {{queue: {second}, items: [x, y], dedupe_key: '{{{{ item }}}}'}}}}"
    call = f"call: {{module: http.request, inputs: {{method: POST, url: '{stack.web.url}{path}'}}}}"
    await stack.deploy(f"""
triggers: {{take: {{module: queue.consumer, inputs: {{queue: {first}}}}}}}
steps: {{{add}, {call}}}
edges: take > add, add > call
""")
    await put(stack, first, 1)
    rows = await ended(stack, first, 2)
    runs: list[Ran] = [await stack.end(row["run_id"]) for row in rows]
    assert [run.row("add")["output"] for run in runs] == [{"enqueued": 2, "duplicates": 0}] * 2
    assert (await stats(stack, second))["depth"] == 2


async def test_a_deleted_consumer_leaves_the_items_and_deleting_asks_for_force(stack: Stack) -> None:
    queue = await made(stack, flush_record_max_age=3600)
    name = await consumer(stack, queue)
    await put(stack, queue, 1)
    assert (await stack.http.delete(f"/workflows/{name}")).status_code == 204
    shown = (await stack.http.get(f"/queues/{queue}")).json()
    assert (shown["depth"], shown["consumer"], "was deleted" in shown["reason"]) == (1, None, True)
    refused = problem(await stack.http.delete(f"/queues/{queue}"), 409, "queue.not_empty")
    assert "1 item (1 waiting)" in refused["detail"]
    another = await consumer(stack, queue)
    assert (await stack.http.get(f"/queues/{queue}")).json()["consumer"]["workflow"] == another
    assert (await stack.http.delete(f"/queues/{queue}", params={"force": "true"})).status_code == 204


@pytest.mark.slow
async def test_the_commands_do_all_of_it(stack: Stack, tmp_path: Path) -> None:
    queue = f"q-{uuid4().hex[:10]}"
    created = await stack.cli(
        "queue", "create", queue, "--batch-size", "2", "--rate", "100/1s", "--max-age", "1h", "--on-failure",
        "dead_letter", "--max-attempts", "1", "--json",
    )  # fmt: skip
    assert (created.json["flush_batch_size"], created.json["flush_record_max_age"]) == (2, 3600)
    await consumer(
        stack,
        queue,
        "a: {module: core.assert, inputs: {condition: \"{{ trigger.items[0].data != 'bad' }}\", message: no}}",
    )
    listed = (await stack.cli("queue", "list", "--json")).json
    assert queue in [one["name"] for one in listed]
    file = tmp_path / "items.jsonl"
    file.write_text('"bad"\n\n{"n": 2}\n3\n')
    assert (await stack.cli("queue", "put", queue, f"@{file}", "--json")).json["accepted"] == 3
    await ended(stack, queue, 1)
    once = await stack.cli("queue", "put", queue, '{"n": 4}', "--dedupe", "d", "--key", "k", "--delay", "1h")
    assert (once.code, once.out) == (0, "1 added, 0 duplicates dropped.\n")
    again = await stack.cli("queue", "put", queue, "5", "--dedupe", "d")
    assert again.out == "0 added, 1 duplicates dropped.\n"
    found = (await stack.cli("queue", "stats", queue, "--json")).json
    assert (found["depth"], found["delayed"], found["dead"]) == (1, 1, 2)
    items = (await stack.cli("queue", "items", queue, "--json")).json
    assert [(one["data"], one["state"]) for one in items] == [({"n": 4}, "delayed"), (3, "waiting")]
    assert (await stack.cli("queue", "pause", queue)).out == f"{queue} is paused.\n"
    refused = await stack.cli("queue", "flush", queue)
    assert (refused.code, "queue.paused" in refused.err) == (1, True)
    assert (await stack.cli("queue", "resume", queue)).out == f"{queue} is running.\n"
    letters = (await stack.cli("queue", "dead-letters", queue, "--json")).json
    assert sorted(str(one["data"]) for one in letters) == ["bad", "{'n': 2}"]
    assert "assert.failed" in (await stack.cli("queue", "dead-letters", queue)).out
    good = next(one["item_id"] for one in letters if one["data"] != "bad")
    assert (await stack.cli("queue", "replay", queue, good)).out == "1 wait again.\n"
    assert [row["fate"] for row in await ended(stack, queue, 2)] == ["dead_lettered", "done"]
    assert (await stack.cli("queue", "replay", queue, "--all", "--drop")).out == "1 dropped.\n"
    nothing = await stack.cli("queue", "replay", queue)
    assert (nothing.code, "--all" in nothing.err) == (1, True)
    log = await stack.cli("queue", "log", queue)
    assert [line.split("\t")[6] for line in log.out.splitlines()] == ["fate", "done", "dead_lettered"]
    updated = await stack.cli("queue", "update", queue, "--batch-size", "7", "--dedupe-window", "60", "--json")
    assert (updated.json["flush_batch_size"], updated.json["dedupe_window"]) == (7, 60)
    shown = await stack.cli("queue", "show", queue)
    assert next(line for line in shown.out.splitlines() if line.startswith("flush_batch_size")).split()[-1] == "7"
    kept = await stack.cli("queue", "delete", queue)
    assert (kept.code, "1 item (1 delayed)" in kept.err) == (1, True)
    assert (await stack.cli("queue", "clear", queue)).out == "1 items are gone.\n"
    assert (await stack.cli("queue", "delete", queue)).out == f"{queue} is gone.\n"
    missing = await stack.cli("queue", "stats", queue)
    assert (missing.code, "queue.unknown" in missing.err) == (1, True)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
