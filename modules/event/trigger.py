"""`event.trigger`: an event that is told in the workspace starts a run."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="event.trigger",
    version=1,
    title="Event",
    manual=(
        "Starts a run for each event of this `name` that is told in the workspace, by `event.emit` or by `POST /events`, while the workflow "
        "is deployed; while it is paused, events wait. `filter` is worked out when the event is told: what it doesn't let through starts "
        "nothing. The run sees the event's data as `trigger.body`, its `trigger.name` and its `trigger.key`. Events of one trigger are "
        "taken in the order in which they were told."
    ),
    kind="trigger",
    input_schema=object_of(
        {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "the event's name, such as `order.paid`",
                "x-eval": "raw",
            },
            "filter": {
                "type": ["string", "boolean"],
                "description": "such as `{{ trigger.body.amount > 100 }}`",
                "x-eval": "later",
                "x-scope": ["trigger", "input"],
            },
        },
        ["name"],
    ),
    output_schema=object_of(
        {
            "type": {"const": "event"},
            "id": {"type": "string"},
            "body": {"description": "the event's data"},
            "name": {"type": "string"},
            "key": {"type": ["string", "null"]},
        },
        ["type", "id", "body", "name", "key"],
    ),
    example=Example(
        inputs={"name": "order.paid", "filter": "{{ trigger.body.amount > 100 }}"},
        output={
            "type": "event",
            "id": "paid",
            "body": {"order": 7, "amount": 120},
            "name": "order.paid",
            "key": "7",
        },
        runnable=False,
    ),
)
