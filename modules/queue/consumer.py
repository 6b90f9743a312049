"""`queue.consumer`: takes the items of an app queue."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="queue.consumer",
    version=1,
    title="Queue",
    manual=(
        "Takes the items of an app queue: each batch that the queue gives out starts one run, which sees its items as "
        "`trigger.items`, each `{item_id, data, ordering_key, attempts, enqueued_at}`, in the order of the queue. The items "
        "leave the queue when the run has succeeded; a run that fails is tried again with the same items, and then what the "
        "queue's `on_failure` says happens to them. A queue has one consumer: the workflow that was deployed for it first, "
        "until it lets the queue go. Writes of the run carry the batch's own idempotency key, the same in each attempt."
    ),
    kind="trigger",
    input_schema=object_of(
        {
            "queue": {
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
                "description": "the queue's name or id",
                "x-eval": "raw",
            }
        },
        ["queue"],
    ),
    output_schema=object_of(
        {
            "type": {"const": "queue"},
            "id": {"type": "string"},
            "items": {
                "type": "array",
                "items": object_of(
                    {
                        "item_id": {"type": "string"},
                        "data": {"description": "what was added"},
                        "ordering_key": {"type": ["string", "null"]},
                        "attempts": {"type": "integer", "minimum": 1, "description": "this one included"},
                        "enqueued_at": {"type": "string"},
                    },
                    ["item_id", "data", "ordering_key", "attempts", "enqueued_at"],
                ),
            },
            "body": {"type": "object", "description": "`{items}`"},
        },
        ["type", "id", "items", "body"],
    ),
    example=Example(
        inputs={"queue": "letters"},
        output={
            "type": "queue",
            "id": "take",
            "items": [
                {
                    "item_id": "01a20653-2417-7c34-b65c-12aff05c02ce",
                    "data": {"to": "a@example.com"},
                    "ordering_key": None,
                    "attempts": 1,
                    "enqueued_at": "2026-11-23T02:54:01.751000Z",
                }
            ],
            "body": {
                "items": [
                    {
                        "item_id": "01a20653-2417-7c34-b65c-12aff05c02ce",
                        "data": {"to": "a@example.com"},
                        "ordering_key": None,
                        "attempts": 1,
                        "enqueued_at": "2026-11-23T02:54:01.751000Z",
                    }
                ]
            },
        },
        runnable=False,
    ),
)
