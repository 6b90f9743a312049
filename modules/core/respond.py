"""`core.respond`: answers whoever waits on a sync webhook."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.respond",
    version=1,
    title="Respond",
    manual=(
        "Answers the caller of a webhook in `sync` mode at once with `status`, `headers` and `body`; the run goes "
        "on. A text body is sent as it is, anything else as JSON. The output is `{delivered}`: false where nobody "
        "waits. A second answer fails with `respond.twice`."
    ),
    kind="control",
    input_schema=object_of(
        {
            "status": {"type": "integer", "minimum": 200, "maximum": 599, "default": 200},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {"description": "what the caller gets"},
        }
    ),
    output_schema=object_of({"delivered": {"type": "boolean"}}, ["delivered"]),
    example=Example(inputs={"status": 201, "body": {"order": 7}}, output={"delivered": False}),
)
