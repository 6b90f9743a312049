"""Queues, items and flushes as the API shows them, and the sentence that says why a queue's items don't move."""

from __future__ import annotations

from dataclasses import asdict

from db.app_queues import Blocked, Queue, Stats
from db.flushes import Flush
from db.queue_items import Item
from engine.expressions.values import Json
from engine.queues.settings import settings_of
from engine.views import moment

JsonObject = dict[str, Json]


def queue_view(queue: Queue, depth: int, blocked: Blocked | None) -> JsonObject:
    """`depth` items wait. Times are seconds."""
    consumer: Json = None
    if queue.consumer is not None:
        consumer = {
            "workflow": queue.consumer,
            "trigger": queue.consumer_trigger_id,
            "status": queue.consumer_status,
        }
    return {
        "queue_id": str(queue.queue_id),
        "name": queue.name,
        **asdict(settings_of(queue)),
        "status": queue.status,
        "consumer": consumer,
        "depth": depth,
        "reason": reason(queue, blocked),
        "created_at": moment(queue.created_at),
        "updated_at": moment(queue.updated_at),
    }


def reason(queue: Queue, blocked: Blocked | None = None) -> str | None:
    """Why items don't move, and what to do; None while they do. What stops most comes first."""
    if queue.consumer is None:
        return unconsumed(queue)
    if queue.status == "paused":
        return "The queue is paused: resume it."
    if queue.consumer_status == "paused":
        return f"The workflow {queue.consumer!r}, which takes its items, is paused: set it active."
    if blocked is not None:
        what = "The queue is" if queue.ordering == "queue" else _counted(blocked.keys, "key is", "keys are")
        return (
            f"{what} blocked, because the run {blocked.run_id} failed in its last attempt: mend the cause, then resume "
            "the queue, which tries again."
        )
    return None


def unconsumed(queue: Queue) -> str:
    """Why nobody takes the items."""
    deploy = f"deploy one with a queue.consumer for {queue.name!r}."
    if queue.former is None:
        return f"No workflow takes its items: {deploy}"
    if queue.former_status == "deleted":
        return f"The workflow {queue.former!r}, which took its items, was deleted. They are kept: {deploy}"
    return f"The live version of the workflow {queue.former!r} takes its items no more. They are kept: {deploy}"


def item_view(item: Item, data: Json) -> JsonObject:
    """One that isn't dead."""
    return {
        "item_id": str(item.item_id),
        "data": data,
        "ordering_key": item.ordering_key,
        "state": item.state,
        "attempts": item.attempts,
        "enqueued_at": moment(item.enqueued_at),
        "available_at": moment(item.available_at),
    }


def dead_letter_view(item: Item, data: Json) -> JsonObject:
    """One with the error and the run that ended its last attempt."""
    return {
        "item_id": str(item.item_id),
        "data": data,
        "error": item.error,
        "run_id": None if item.run_id is None else str(item.run_id),
        "attempts": item.attempts,
        "failed_at": moment(item.failed_at),
        "ordering_key": item.ordering_key,
        "enqueued_at": moment(item.enqueued_at),
    }


def flush_view(flush: Flush) -> JsonObject:
    """One run that a batch was given to."""
    duration = None
    if flush.finished_at is not None:
        duration = max(0.0, round((flush.finished_at - flush.flushed_at).total_seconds() * 1000, 3))
    return {
        "run_id": str(flush.run_id),
        "batch_id": str(flush.batch_id),
        "workflow_id": str(flush.workflow_id),
        "attempt": flush.attempt,
        "ordering_key": flush.ordering_key,
        "items": flush.items,
        "reason": flush.reason,
        "status": flush.status,
        "fate": flush.fate,
        "error": flush.error,
        "flushed_at": moment(flush.flushed_at),
        "finished_at": moment(flush.finished_at),
        "duration_ms": duration,
    }


def stats_view(stats: Stats) -> JsonObject:
    return {**asdict(stats)}


def held(stats: Stats) -> str:
    """What is in a queue, in words: `3 items (2 waiting, 1 in flight) and 4 dead letters`."""
    parts = [
        f"{count:,} {state}"
        for count, state in ((stats.depth, "waiting"), (stats.in_flight, "in flight"), (stats.delayed, "delayed"))
        if count > 0
    ]
    items = _counted(stats.depth + stats.in_flight + stats.delayed, "item", "items")
    dead = _counted(stats.dead, "dead letter", "dead letters")
    if not parts:
        return dead
    return f"{items} ({', '.join(parts)})" + (f" and {dead}" if stats.dead > 0 else "")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
