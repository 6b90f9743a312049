"""`poll.trigger`: what is new at another system starts runs."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.json import JsonObject
from modules.sdk.schema import duration, object_of

_ANSWER = ["cursor", "status", "headers", "body", "rows", "row", "count"]
"""What an answer of `http.request` or `postgres.query` holds, by its own names, and where the last one got to."""
_REQUEST: JsonObject = {"x-eval": "later", "x-scope": [*_ANSWER]}

MODULE = Module(
    name="poll.trigger",
    version=1,
    title="Poll",
    manual=(
        "Asks another system for what is new, again after each `every`, and starts a run for each new item. The question is "
        "`request`, the inputs of an `http.request`, or `query`, those of a `postgres.query`, made through the trigger's "
        "`connection` where it names one. `items` is the list in the answer, whose fields have their own names (`body`, "
        "`status`, `headers`; `rows`, `row`, `count`); without it the rows, or the body. `key` tells items apart: one that was "
        "seen before starts nothing; without it an item is new when no earlier one was the same in all its parts. `cursor` is "
        "kept with the items of an answer, and is there as `cursor` in the next question; at first it is null. With `batch` a "
        "run gets up to so many items, as `trigger.items`; otherwise its `trigger.body` is one item. `first: skip` takes what "
        "the first answer holds as seen. While the other system is away or refuses, it is asked less and less often, and the "
        "inbox says why."
    ),
    kind="trigger",
    input_schema=object_of(
        {
            "every": {**duration("how long after an answer it asks again", "5m"), "x-eval": "raw"},
            "request": {
                **object_of({}, description="the inputs of an `http.request`; `cursor` is in scope"),
                **_REQUEST,
                "additionalProperties": True,
                "x-inputs-of": "http.request@1",
            },
            "query": {
                "type": "object",
                "properties": {"sql": {"x-eval": "raw"}},
                "additionalProperties": {**_REQUEST},
                "description": "the inputs of a `postgres.query`; `cursor` is in scope of `params`",
                "x-inputs-of": "postgres.query@1",
            },
            "items": {
                "type": ["string", "array"],
                "description": "such as `{{ body.orders }}`",
                "x-eval": "later",
                "x-scope": [*_ANSWER],
            },
            "key": {
                "type": "string",
                "description": "such as `{{ item.id }}`",
                "x-eval": "later",
                "x-scope": ["item", "index"],
            },
            "cursor": {
                "description": "such as `{{ items | map(attribute='id') | max }}`",
                "x-eval": "later",
                "x-scope": [*_ANSWER, "items"],
            },
            "batch": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "description": "items for one run; one without it",
                "x-eval": "raw",
            },
            "first": {
                "enum": ["run", "skip"],
                "default": "run",
                "description": "what becomes of the items of the first answer",
                "x-eval": "raw",
            },
        },
    ),
    output_schema=object_of(
        {
            "type": {"const": "poll"},
            "id": {"type": "string"},
            "body": {"description": "the item; with `batch` an object of `items`"},
            "items": {"type": "array", "description": "with `batch`"},
        },
        ["type", "id", "body"],
    ),
    example=Example(
        inputs={
            "every": "1m",
            "request": {"url": "https://shop.example/orders", "query": {"after": "{{ cursor }}"}},
            "items": "{{ body.orders }}",
            "key": "{{ item.id }}",
            "cursor": "{{ body.last }}",
        },
        output={"type": "poll", "id": "orders", "body": {"id": 7, "total": 12.5}},
        runnable=False,
    ),
)
