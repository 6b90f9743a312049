"""Items become runs: claimed, opened, handed to the consumer, and gone when its run succeeded."""

import asyncio
from typing import Any

from db import app_queues, flushes, queue_items, run_rows
from db.app_queues import QueueSettings, Stats
from db.flushes import Flush
from db.ids import QueueId
from engine.hub import Kind
from engine.queues.sealed_items import SealedItems
from modules.sdk.context import QueueItem
from tests.engine.runs.stack import Stack
from tests.fixtures.flows import flow, step


async def queue(stack: Stack, name: str = "letters", **settings: Any) -> QueueId:
    async with stack.db.tenant(stack.workspace_id) as conn:
        made = await app_queues.create(conn, stack.workspace_id, name, QueueSettings(**settings))
    assert made is not None
    return made


async def consume(stack: Stack, of: str = "letters", **steps: Any) -> str:
    document = flow("{{ steps.total.output }}", name=f"{of}-consumer", **steps) | {
        "triggers": {"take": {"module": "queue.consumer", "version": 1, "inputs": {"queue": of}}}
    }
    name = await stack.define(document)
    await bound(stack, name, of)
    return name


async def bound(stack: Stack, name: str, of: str) -> None:
    target = await stack.lookup.target(stack.workspace_id, name, "deployed", "deployed")
    async with stack.db.tenant(stack.workspace_id) as conn:
        await app_queues.bind(conn, stack.workspace_id, target.workflow.workflow_id, {of: "take"})


async def put(stack: Stack, queue_id: QueueId, *items: Any, **each: Any) -> None:
    sealed = await SealedItems(stack.vault).seal(
        stack.workspace_id, [item if isinstance(item, QueueItem) else QueueItem(item, **each) for item in items]
    )
    async with stack.db.tenant(stack.workspace_id) as conn:
        done = await queue_items.enqueue(conn, stack.workspace_id, queue_id, sealed)
    assert done.outcome == "accepted"
    stack.hub.publish(int(stack.workspace_id), str(queue_id), Kind.ITEMS)


async def log(stack: Stack, queue_id: QueueId) -> list[Flush]:
    """Oldest first."""
    async with stack.db.tenant(stack.workspace_id) as conn:
        return list(reversed(await flushes.log(conn, queue_id, None, 500)))


async def stats(stack: Stack, queue_id: QueueId) -> Stats:
    async with stack.db.tenant(stack.workspace_id) as conn:
        return await app_queues.stats(conn, queue_id)


async def settled(stack: Stack, queue_id: QueueId, enough: int) -> list[Flush]:
    """The log once that many flushes have ended."""
    with stack.hub.subscribe_workspace(int(stack.workspace_id)) as news:
        while True:
            found = await log(stack, queue_id)
            if len([one for one in found if one.fate]) >= enough:
                return found
            await news.wait()


async def items_of(stack: Stack, flush: Flush) -> list[Any]:
    async with stack.db.engine() as conn:
        run = await run_rows.get(conn, flush.run_id)
    assert run is not None
    assert isinstance(run.output, list)
    return run.output


TOTAL = step("core.set", values="{{ trigger.items | map(attribute='data') }}")


async def test_a_full_batch_is_one_run_with_its_items_in_order(stack: Stack) -> None:
    queue_id = await queue(stack, flush_batch_size=3, flush_record_max_age=3600)
    await consume(stack, total=step("core.set", values={"n": "{{ trigger.items | length }}"}))
    await put(stack, queue_id, "a", {"b": 1}, ["c"])
    flush = (await settled(stack, queue_id, 1))[0]
    assert (flush.status, flush.fate, flush.reason, flush.items) == ("succeeded", "done", "full", 3)
    run = await stack.view(flush.run_id)
    assert run["output"] == {"n": 3}
    assert run["trigger"]["type"] == "queue"
    assert run["trigger"]["id"] == "take"
    assert [item["data"] for item in run["trigger"]["items"]] == ["a", {"b": 1}, ["c"]]
    assert [item["attempts"] for item in run["input"]["items"]] == [1, 1, 1]
    assert (await stats(stack, queue_id)).in_flight == 0


async def test_items_that_a_step_adds_are_there_with_its_row_and_only_once(stack: Stack) -> None:
    queue_id = await queue(stack, flush_batch_size=100, flush_record_max_age=3600)
    await stack.define(
        flow(
            "{{ steps.add.output }}",
            name="producer",
            add=step(
                "queue.enqueue",
                queue="letters",
                items="{{ input }}",
                ordering_key="{{ item.who }}",
                dedupe_key="{{ item.id }}",
            ),
        )
    )
    run = await stack.run("producer", [{"who": "x", "id": 1}, {"who": "y", "id": 2}, {"who": "x", "id": 1}])
    assert run.status == "succeeded", run.error
    assert run.output == {"enqueued": 2, "duplicates": 1}
    async with stack.db.tenant(stack.workspace_id) as conn:
        items = await queue_items.list_items(conn, queue_id, None, 10)
    assert [item.ordering_key for item in reversed(items)] == ["x", "y"]


async def test_a_step_that_names_no_queue_fails_and_adds_nothing(stack: Stack) -> None:
    await queue(stack)
    await stack.define(flow(name="producer", add=step("queue.enqueue", queue="{{ 'leters' }}", items=[1])))
    run = await stack.run("producer")
    assert isinstance(run.error, dict)
    assert run.error["code"] == "queue.unknown"
    assert "letters" in str(run.error["message"])


async def test_a_failed_batch_is_tried_again_and_then_its_items_are_dead(stack: Stack) -> None:
    queue_id = await queue(stack, flush_batch_size=2, max_attempts=2, on_failure="dead_letter")
    await consume(stack, total=step("core.fail", code="letter.lost", message="gone"))
    await put(stack, queue_id, 1, 2)
    first, second = await settled(stack, queue_id, 2)
    assert (first.fate, second.fate) == ("retried", "dead_lettered")
    assert first.batch_id == second.batch_id
    async with stack.db.engine() as conn:
        runs = [await run_rows.get(conn, one.run_id) for one in (first, second)]
    assert [run.origin for run in runs if run] == [str(first.batch_id)] * 2
    async with stack.db.tenant(stack.workspace_id) as conn:
        dead = await queue_items.dead_letters(conn, queue_id, None, 10)
    assert [(item.attempts, item.run_id) for item in dead] == [(2, second.run_id)] * 2


async def test_a_document_that_refuses_the_items_fails_the_run_by_its_input(stack: Stack) -> None:
    queue_id = await queue(stack, flush_batch_size=1, max_attempts=1, on_failure="dead_letter")
    document = flow(name="letters-consumer", total=step("core.set", values={})) | {
        "input_schema": {"type": "object", "required": ["nothing_like_it"]},
        "triggers": {"take": {"module": "queue.consumer", "version": 1, "inputs": {"queue": "letters"}}},
    }
    await bound(stack, await stack.define(document), "letters")
    await put(stack, queue_id, 1)
    flush = (await settled(stack, queue_id, 1))[0]
    assert (flush.status, flush.fate) == ("failed", "dead_lettered")
    assert isinstance(flush.error, dict)
    assert flush.error["code"] == "input.invalid"


async def test_keys_keep_their_order_while_they_go_side_by_side(stack: Stack) -> None:
    queue_id = await queue(
        stack,
        ordering="key",
        max_parallel_batches=4,
        flush_batch_size=2,
        flush_record_max_age=1,
        flush_rate_limit_max_flush_count=1000,
    )
    await consume(
        stack,
        total=step("core.set", values={"got": "{{ trigger.items | map(attribute='data') }}"}),
    )
    await asyncio.gather(
        *(
            put(stack, queue_id, *(QueueItem([key, n], ordering_key=key) for n in range(6)))
            for key in ("a", "b", "c", "d", "e")
        )
    )
    found = await settled(stack, queue_id, 15)
    seen: dict[str, list[int]] = {}
    for flush in found:
        run = await stack.view(flush.run_id)
        for key, n in run["output"]["got"]:
            assert key == flush.ordering_key
            seen.setdefault(key, []).append(n)
    assert seen == {key: list(range(6)) for key in "abcde"}


async def test_a_large_batch_is_kept_once_and_read_as_it_is(stack: Stack) -> None:
    queue_id = await queue(stack, flush_batch_size=40)
    await consume(
        stack,
        total=step(
            "core.set",
            values={"n": "{{ trigger.body.items | length }}", "m": "{{ input.items[39].data | length }}"},
        ),
    )
    await put(stack, queue_id, *(["x" * 50_000] * 40))
    flush = (await settled(stack, queue_id, 1))[0]
    run = await stack.view(flush.run_id)
    assert run["output"] == {"n": 40, "m": 50_000}
    assert run["trigger"]["items"]["$ref"] == run["trigger"]["body"]["items"]["$ref"]
