"""`webhook.trigger`: an HTTP request starts a run."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import duration, object_of

MODULE = Module(
    name="webhook.trigger",
    version=1,
    title="Webhook",
    manual=(
        "Starts a run for each request to the trigger's own address. `mode: async` answers 202 with the run's id "
        "as soon as the request is stored; `sync` answers with what `core.respond` gives, else with the run's "
        "output. `auth: key` asks for an API key with the scope `hook`; `auth: signature` for a body signed with `secret`, as Standard "
        "Webhooks say or as a `preset` does: what isn't signed, is older than five minutes or came before starts nothing. "
        "Fields of a form in parts stand in `trigger.body` by name; files, and bodies of bytes, are files of the workspace there. "
        "`schema` is checked before anything is stored. Requests with the same `dedupe_key` within `dedupe_window` start one "
        "run and get the first answer. The run sees `trigger.body`, `trigger.headers` (names in lower case), `trigger.query` "
        "and `trigger.method`."
    ),
    kind="trigger",
    input_schema=object_of(
        {
            "method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"], "default": "POST", "x-eval": "raw"},
            "mode": {"enum": ["async", "sync"], "default": "async", "x-eval": "raw"},
            "auth": {"enum": ["none", "key", "signature"], "default": "none", "x-eval": "raw"},
            "secret": {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 10},
                ],
                "description": "what `auth: signature` is checked with, as `{{ vars.HOOK_SECRET }}`; several while one is exchanged",
                "x-eval": "later",
            },
            "preset": {
                "enum": ["standard", "github", "stripe", "slack", "shopify"],
                "default": "standard",
                "description": "how the sender signs",
                "x-eval": "raw",
            },
            "schema": {"type": ["object", "boolean"], "description": "JSON Schema of the body", "x-eval": "raw"},
            "dedupe_key": {
                "type": "string",
                "description": "such as `{{ trigger.body.id }}`",
                "x-eval": "later",
                "x-scope": ["trigger", "input"],
            },
            "dedupe_window": {**duration("how long a key is remembered", "24h"), "x-eval": "raw"},
            "rate_limit": {
                **object_of(
                    {"count": {"type": "integer", "minimum": 1}, "per": duration("the span")},
                    ["count", "per"],
                    "more requests than this get 429",
                ),
                "x-eval": "raw",
            },
            "timeout": {**duration("how long a sync caller waits", "30s"), "x-eval": "raw"},
        }
    ),
    output_schema=object_of(
        {
            "type": {"const": "webhook"},
            "id": {"type": "string"},
            "body": {"description": "the parsed body; null without one"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "query": {"type": "object"},
            "method": {"type": "string"},
        },
        ["type", "id", "body", "headers", "query", "method"],
    ),
    example=Example(
        inputs={"method": "POST", "mode": "sync", "dedupe_key": "{{ trigger.body.id }}"},
        output={
            "type": "webhook",
            "id": "hook",
            "body": {"id": 7, "lines": [{"sku": "a", "amount": 3}]},
            "headers": {"content-type": "application/json"},
            "query": {},
            "method": "POST",
        },
        runnable=False,
    ),
)
