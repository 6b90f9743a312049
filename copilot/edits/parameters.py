"""The parameters of all operations: one name means one thing in all of them, so that they go into one flat schema."""

from __future__ import annotations

from typing import Final

from engine.expressions.values import Json

_ID: Final[Json] = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"}
_TEXT: Final[Json] = {"type": "string"}

PARAMETERS: Final[dict[str, dict[str, Json]]] = {
    "id": {"type": "string", "description": "Of a step or trigger."},
    "to": {"type": "string", "description": "connect, disconnect: the target. rename_step: the new id."},
    "from": {"type": "string", "description": "Source of an edge: a step or a trigger."},
    "handle": {"type": "string", "description": "Of the source, `out` unless given."},
    "module": {"type": "string", "description": "`app.action`."},
    "version": {"type": "integer", "description": "Of the module; the newest unless given."},
    "inputs": {"type": "object", "description": "All inputs, with `{{ … }}` for expressions."},
    "path": {
        "type": "string",
        "description": "Place inside the inputs: `url`, or a JSON Pointer as `/headers/Accept`; `-` appends to a list.",
    },
    "value": {"description": "Any JSON; texts may hold `{{ … }}`."},
    "title": {"type": "string", "maxLength": 200},
    "notes": {"type": "string", "maxLength": 10000},
    "description": {"type": "string", "maxLength": 10000},
    "after": {"type": "array", "items": _TEXT, "description": "Edges to the new step: `id` or `id:handle`."},
    "before": {
        "type": "array",
        "items": _TEXT,
        "description": "Edges from the new step; a direct edge from `after` is replaced.",
    },
    "parent": {"type": "string", "description": "The container; for move_step '' is the root."},
    "slot": {"type": "string", "description": "`body` unless given."},
    "ids": {"type": "array", "items": _ID, "minItems": 1, "description": "Steps of one slot."},
    "container": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$", "description": "Id of the new container."},
    "join": {"enum": ["all", "any"]},
    "on_error": {"enum": ["fail", "continue", "branch"]},
    "retry": {"type": "object", "description": "max_attempts initial backoff max_interval jitter on never_on on_lost."},
    "timeout": {"type": ["string", "number"], "description": "As `10s`, `5m`, `1h`, or seconds."},
    "throttle": {"type": "object", "description": "key count per."},
    "connection": {"type": "string", "description": "Name of a connection; list it by `require` too."},
    "disabled": {"type": "boolean"},
    "clear": {"type": "array", "items": _TEXT, "description": "Keys to take away."},
    "inside": {"type": "boolean", "description": "Also the steps inside of a container."},
    "bridge": {"type": "boolean", "description": "Connect what came before with what comes after (true)."},
    "settings": {
        "type": "object",
        "description": "timeout finally_timeout max_concurrent_runs concurrency_key log retention_days; merged.",
    },
    "input_schema": {"type": "object", "description": "JSON Schema of the input."},
    "variables": {"type": "array", "items": _TEXT, "description": "Names."},
    "connections": {"type": "object", "description": "Name to app."},
    "name": {"type": "string", "description": "Of a test."},
    "test": {
        "type": "object",
        "description": "name, trigger | input, trigger_id, vars, mocks {step: {output}|{error}}, expect {status output error skipped steps}.",
    },
}
