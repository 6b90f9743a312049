"""`core.wait_for_event`: waits until somebody posts to the step's own address, or tells an event under its key."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import duration, object_of

MODULE = Module(
    name="core.wait_for_event",
    version=1,
    title="Wait for an event",
    manual=(
        "Waits until a body is posted to `steps.<id>.resume_url`, which steps before it in the same slot may "
        "already send out; a post that comes early is kept. `schema` says what a body must be and `form` what a "
        "person who opens the address sees. With a `key`, an event that is told under it ends the wait too, also one "
        "that came up to a day before. The output is the body. After `timeout` it goes on by the handle "
        "`timeout`; without an edge there it fails with `event.timeout`."
    ),
    kind="control",
    input_schema=object_of(
        {
            "timeout": duration("how long to wait; without it, without end"),
            "schema": {"type": ["object", "boolean"], "description": "JSON Schema of the body", "x-eval": "raw"},
            "key": {
                "type": ["string", "integer", "null"],
                "maxLength": 500,
                "description": "what `event.emit` and `POST /events` name; the data of theirs is the body, if it fits the schema",
            },
            "form": {"type": "object", "description": "what the page of the address shows", "x-eval": "raw"},
        }
    ),
    output_schema={"description": "the posted body; null by the handle `timeout`"},
    example=Example(inputs={"timeout": "2d"}, output={"approved": True}, runnable=False),
    handles=("out", "timeout"),
)
