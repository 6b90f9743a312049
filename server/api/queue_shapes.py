"""The shapes of requests and answers about app queues: see `shapes.py`."""

from __future__ import annotations

from server.api.shapes import (
    ANY,
    ID,
    MAYBE_ID,
    MAYBE_TEXT,
    MAYBE_TIME,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    closed,
    listed,
    listing,
    maybe,
    one_of,
    ref,
)


def _whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _seconds(low: float, high: float) -> Schema:
    """Given as a number or a duration, answered as a number."""
    number: Schema = {"type": "number", "minimum": low, "maximum": high, "description": "Seconds."}
    return {"anyOf": [number, {"type": "string", "description": "As `30s`, `5m`, `1h`."}]}


_STATUS = one_of("running", "paused")
_STRATEGY = one_of("fifo", "lifo")
_ORDERING = one_of("queue", "key")
_ON_FAILURE = one_of("block", "dead_letter", "bisect")
_GIVEN: dict[str, Schema] = {
    "flush_batch_size": _whole(1, 10_000),
    "flush_record_max_age": _seconds(1, 86_400),
    "flush_rate_limit_max_flush_count": _whole(1, 100_000),
    "flush_rate_limit_time_window": _seconds(0.001, 86_400),
    "flush_strategy": _STRATEGY,
    "ordering": _ORDERING,
    "max_parallel_batches": _whole(1, 1_000),
    "on_failure": _ON_FAILURE,
    "max_attempts": _whole(1, 100),
    "dedupe_window": _seconds(0, 31_536_000),
    "status": _STATUS,
}
_NUMBER: Schema = {"type": "number"}
_KEY: Schema = {"type": ["string", "null"], "minLength": 1, "maxLength": 500}

QUEUE_REQUESTS: dict[str, Schema] = {
    "NewQueue": closed({"name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"}}, _GIVEN),
    "QueueChange": closed({}, _GIVEN),
    "NewItems": closed(
        {
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 10_000,
                "items": closed(
                    {"data": ANY},
                    {"ordering_key": _KEY, "dedupe_key": _KEY, "delay": maybe(_seconds(0, 31_622_400))},
                ),
            }
        }
    ),
    "ChosenItems": {"oneOf": [closed({"item_ids": listed(ID)}), closed({"all": {"const": True}})]},
}

QUEUE_ANSWERS: dict[str, Schema] = {
    "Queue": closed(
        {
            "queue_id": ID,
            "name": TEXT,
            "flush_batch_size": WHOLE,
            "flush_record_max_age": _NUMBER,
            "flush_rate_limit_max_flush_count": WHOLE,
            "flush_rate_limit_time_window": _NUMBER,
            "flush_strategy": _STRATEGY,
            "ordering": _ORDERING,
            "max_parallel_batches": WHOLE,
            "on_failure": _ON_FAILURE,
            "max_attempts": WHOLE,
            "dedupe_window": _NUMBER,
            "status": _STATUS,
            "consumer": maybe(closed({"workflow": TEXT, "trigger": TEXT, "status": one_of("active", "paused")})),
            "depth": WHOLE,
            "reason": {**MAYBE_TEXT, "description": "Why items don't move; null while they do."},
            "created_at": TIME,
            "updated_at": TIME,
        }
    ),
    "QueueList": listing("Queue"),
    "Enqueued": closed({"accepted": WHOLE, "duplicates": WHOLE, "item_ids": listed(ID)}),
    "QueueItem": closed(
        {
            "item_id": ID,
            "data": ANY,
            "ordering_key": MAYBE_TEXT,
            "state": one_of("waiting", "in_flight", "delayed"),
            "attempts": {"type": "integer", "description": "Those that failed."},
            "enqueued_at": TIME,
            "available_at": MAYBE_TIME,
        }
    ),
    "QueueItemList": listing("QueueItem"),
    "DeadLetter": closed(
        {
            "item_id": ID,
            "data": ANY,
            "error": maybe(ref("StepError")),
            "run_id": MAYBE_ID,
            "attempts": WHOLE,
            "failed_at": TIME,
            "ordering_key": MAYBE_TEXT,
            "enqueued_at": TIME,
        }
    ),
    "DeadLetterList": listing("DeadLetter"),
    "Flush": closed(
        {
            "run_id": ID,
            "batch_id": ID,
            "workflow_id": ID,
            "attempt": WHOLE,
            "ordering_key": MAYBE_TEXT,
            "items": WHOLE,
            "reason": one_of("full", "age", "demand", "retry", "bisect"),
            "status": one_of("running", "succeeded", "failed", "cancelled", "timed_out"),
            "fate": {"enum": ["done", "retried", "blocked", "dead_lettered", "bisected", "returned", None]},
            "error": maybe(ref("StepError")),
            "flushed_at": TIME,
            "finished_at": MAYBE_TIME,
            "duration_ms": {"type": ["number", "null"]},
        }
    ),
    "FlushList": listing("Flush"),
    "QueueStats": closed(
        {
            "depth": WHOLE,
            "in_flight": WHOLE,
            "delayed": WHOLE,
            "dead": WHOLE,
            "oldest_age_s": {"type": ["number", "null"]},
            "blocked_keys": WHOLE,
            "flushes_per_min": WHOLE,
        }
    ),
    "Flushing": closed({"keys": WHOLE}),
    "Cleared": closed({"cleared": WHOLE}),
    "Replayed": closed({"replayed": WHOLE}),
    "Dropped": closed({"dropped": WHOLE}),
}
