"""`http.request`: any HTTP API. The work is in `modules.http.client`, apart from the declaration."""

from __future__ import annotations

from modules.http.client.calling import run
from modules.sdk.declaration import Effect, EffectByInput, EffectOf, Example, Module
from modules.sdk.json import Json, JsonObject
from modules.sdk.new_file import EXPIRES_IN, NAME, TAGS
from modules.sdk.schema import object_of

_STATUS: list[Json] = [
    {"type": "integer", "minimum": 100, "maximum": 599},
    {"type": "string", "pattern": "^[1-5]([0-9][0-9]|xx)$"},
]
_FIELDS: JsonObject = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
        ]
    },
}

MODULE = Module(
    name="http.request",
    version=1,
    title="HTTP request",
    manual=(
        "Sends one HTTP request and gives `{status, headers, body}`; header names are in lower case. The body of "
        "the request is one of `json`, `form`, `multipart`, `body` (a text as it is) and `body_file` (a file). The body of the answer "
        "is parsed when its content type is JSON, else a text; `response: json` insists, `response: text` never "
        "parses, and `response: file` keeps it as a file of 1 GB "
        "at most and gives its `file_id` in the place of the body. "
        "A status outside `expect_status` (`2xx`) fails with `http.<status>`; 408, 425, 429, 5xx, "
        "time-outs and failed connections are retried, not before the time that `Retry-After` names. Writes carry "
        "an `Idempotency-Key` that stays the same on each retry, unless `headers` has one. Redirects are followed "
        "up to 5 times; credentials and custom headers don't go along to another host. Addresses inside the "
        "operator's network are refused with `http.blocked` unless admitted. With a `connection` its credential goes "
        "along, to the hosts that the connection names and no others, and `url` may be below its `base_url` "
        "(`/orders`). With `pagination`, `next` gives the next page's address (null: none), `items` what to gather "
        "of each page; both see `status`, `headers` and `body` of the page. The output's `body` is then all gathered "
        "items and `pages` their count."
    ),
    kind="action",
    input_schema=object_of(
        {
            "method": {"enum": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"], "default": "GET"},
            "url": {
                "type": "string",
                "minLength": 1,
                "maxLength": 8192,
                "description": "absolute, http or https; with a connection also below its `base_url`",
            },
            "headers": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                "description": "null leaves a header out",
            },
            "query": {**_FIELDS, "description": "added to the address; a list repeats the name, null leaves it out"},
            "json": {"description": "a body of JSON"},
            "form": {**_FIELDS, "description": "a body as a web form sends it"},
            "multipart": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1000,
                "items": object_of(
                    {
                        "name": {"type": "string", "minLength": 1},
                        "value": {"description": "a text as it is, anything else as JSON"},
                        "file_id": {"type": "string", "description": "a file, in the place of `value`"},
                        "filename": {"type": "string", "description": "of a file its own name unless given"},
                        "content_type": {"type": "string"},
                    },
                    ["name"],
                ),
                "description": "parts of a multipart/form-data body",
            },
            "body": {"type": "string", "description": "a body as it is; set its `content-type` in `headers`"},
            "body_file": {"type": "string", "description": "a body that is a file, by its `file_id`"},
            "auth": {
                "oneOf": [
                    object_of(
                        {
                            "basic": object_of(
                                {"username": {"type": "string"}, "password": {"type": "string"}}, ["username"]
                            )
                        },
                        ["basic"],
                    ),
                    object_of({"bearer": {"type": "string", "minLength": 1}}, ["bearer"]),
                    object_of(
                        {
                            "header": object_of(
                                {"name": {"type": "string", "minLength": 1}, "value": {"type": "string"}},
                                ["name", "value"],
                            )
                        },
                        ["header"],
                    ),
                ],
                "description": "`{basic: {username, password}}`, `{bearer: token}` or `{header: {name, value}}`",
            },
            "follow_redirects": {
                "type": "boolean",
                "default": True,
                "description": "false gives a 3xx answer as it is",
            },
            "expect_status": {
                "anyOf": [*_STATUS, {"type": "array", "items": {"anyOf": _STATUS}, "minItems": 1}],
                "description": "what counts as success: `200`, `2xx`, or a list of these",
                "default": "2xx",
            },
            "response": {"enum": ["auto", "json", "text", "file"], "default": "auto"},
            "file": object_of(
                {
                    "name": NAME,
                    "mime_type": {"type": "string"},
                    "tags": TAGS,
                    "expires_in": EXPIRES_IN,
                },
                description="what the file of `response: file` is called; the answer tells it unless given",
            ),
            "pagination": object_of(
                {
                    "next": {
                        "description": "such as `{{ body.links.next | default(none) }}`",
                        "x-eval": "later",
                        "x-scope": ["status", "headers", "body"],
                    },
                    "items": {
                        "description": "such as `{{ body.items }}`; the whole body without it",
                        "x-eval": "later",
                        "x-scope": ["status", "headers", "body"],
                    },
                    "max_pages": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                },
                ["next"],
            ),
        },
        ["url"],
    ),
    output_schema=object_of(
        {
            "status": {"type": "integer"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {"description": "parsed JSON or text; null where the answer has none"},
            "pages": {"type": "integer", "minimum": 1},
            "file_id": {"type": "string", "description": "with `response: file`, in the place of `body`"},
            "file": {"type": "object", "description": "what that file is"},
        },
        ["status", "headers"],
    ),
    example=Example(
        inputs={"method": "POST", "url": "https://warehouse.example/orders", "json": {"order": 7}},
        output={"status": 201, "headers": {"content-type": "application/json"}, "body": {"id": "w-7"}},
        runnable=False,
    ),
    effect=EffectByInput(
        field="method",
        cases={
            "GET": EffectOf(Effect.READ, idempotent=True),
            "HEAD": EffectOf(Effect.READ, idempotent=True),
            "OPTIONS": EffectOf(Effect.READ, idempotent=True),
            "PUT": EffectOf(Effect.WRITE, idempotent=True),
            "DELETE": EffectOf(Effect.WRITE, idempotent=True),
        },
        default=EffectOf(Effect.WRITE),
        absent="GET",
    ),
    timeout=30.0,
    run=run,
)
