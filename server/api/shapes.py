"""The shapes of requests and answers as JSON Schema, under their names in the OpenAPI document.

They describe; nothing is checked against them while requests are served. The tests hold each answer that they get against them.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.expressions.values import Json

Schema = dict[str, Json]

TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ID: Schema = {"type": "string", "format": "uuid"}
MAYBE_ID: Schema = {"type": ["string", "null"], "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
OBJECT: Schema = {"type": "object"}
ANY: Schema = {}
VERSION: Schema = {"oneOf": [{"type": "integer", "minimum": 1}, {"const": "draft"}]}
VERSION_NAME: Schema = {"oneOf": [{"type": "integer", "minimum": 1}, {"enum": ["deployed", "draft"]}]}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": [*values]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def closed(members: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object of exactly these members; those in `optional` may be absent."""
    more = optional or {}
    return {
        "type": "object",
        "properties": {**members, **more},
        "required": [*members],
        "additionalProperties": False,
    }


def listing(name: str) -> Schema:
    return closed({"items": listed(ref(name)), "next_cursor": MAYBE_TEXT})


_RUN_STATUS = one_of("queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out")
_STEP_STATUS = one_of("running", "waiting", "succeeded", "failed", "skipped", "cancelled")
_KIND = one_of("event", "timer", "key", "cap", "throttle", "retry", "queue", "start", "child")
_CODE_LOGS = listed(closed({"level": one_of("debug", "info", "warning", "error"), "message": TEXT}))

_WORKFLOW: dict[str, Schema] = {
    "workflow_id": ID,
    "name": TEXT,
    "status": one_of("active", "paused"),
    "live_version": {"type": ["integer", "null"]},
    "hooks": listed(closed({"trigger": TEXT, "url": TEXT})),
    "created_at": TIME,
    "updated_at": TIME,
}
_VERSION: dict[str, Schema] = {
    "version": {"type": "integer", "minimum": 1},
    "content_hash": TEXT,
    "note": MAYBE_TEXT,
    "created_at": TIME,
    "created_by": {**MAYBE_TEXT, "description": "An e-mail address."},
    "live": FLAG,
}
_RUN_OPTIONS: dict[str, Schema] = {
    "from_step": {
        "type": ["string", "null"],
        "description": "The path of a step: all that isn't downstream is taken over.",
    },
    "input": ANY,
    "version": {"anyOf": [VERSION_NAME, {"type": "null"}]},
    "keys": {"enum": ["same", "new", None], "description": "`same`: idempotency keys of the old run."},
}
_FILTER = closed(
    {},
    {
        "workflow": TEXT,
        "status": {"anyOf": [TEXT, listed(_RUN_STATUS)]},
        "version": {"anyOf": [WHOLE, TEXT]},
        "trigger": TEXT,
        "from": TEXT,
        "to": TEXT,
        "test": FLAG,
        "pinned": FLAG,
        "q": TEXT,
    },
)
_MANY: dict[str, Schema] = {
    "count": WHOLE,
    "effects": listed(
        closed({"workflow": TEXT, "module": TEXT, "step": TEXT, "count": WHOLE, "keys": one_of("new", "same")})
    ),
    "run_ids": listed(ID),
    "more": FLAG,
    "next_cursor": MAYBE_TEXT,
}
_PAGED: dict[str, Schema] = {
    "filter": _FILTER,
    "all": {"type": "boolean", "description": "Needed where the filter holds no condition."},
    "dry_run": FLAG,
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
    "cursor": {"type": ["string", "null"], "description": "`next_cursor` of the page before."},
}
_OPERATION: Schema = {
    "type": ["string", "null"],
    "description": "A name under which each run is replayed once, however often it is asked for within a day. The Idempotency-Key unless given.",
}

REQUESTS: dict[str, Schema] = {
    "NewWorkflow": closed({}, {"document": OBJECT, "name": TEXT}),
    "NewDraft": closed({"document": OBJECT, "base_revision": WHOLE}),
    "ToValidate": {"type": "object", "properties": {"document": ANY}, "required": ["document"]},
    "ToEvaluate": closed({"expression": TEXT}, {"scope": OBJECT}),
    "ToTry": closed(
        {"language": one_of("python", "javascript"), "source": {"type": "string", "minLength": 1, "maxLength": 65_536}},
        {
            "input": ANY,
            "timeout": {"anyOf": [{"type": "number"}, {"type": "string"}], "description": "At most 60 s."},
            "memory_mb": {"type": "integer", "minimum": 16, "maximum": 1024},
        },
    ),
    "NewRun": closed(
        {},
        {
            "input": ANY,
            "trigger": maybe(OBJECT),
            "trigger_id": MAYBE_TEXT,
            "version": VERSION_NAME,
            "wait": {"type": "number", "minimum": 0, "maximum": 300},
            "mocks": maybe(OBJECT),
            "unmocked": {"enum": ["run", "fail", None]},
            "simulate": FLAG,
        },
    ),
    "NewReplay": closed({}, _RUN_OPTIONS),
    "ReplayOfMany": closed({}, {**_PAGED, "operation": _OPERATION, **_RUN_OPTIONS}),
    "CancelOfMany": closed({}, _PAGED),
    "NewPin": closed({}, {"reason": MAYBE_TEXT}),
}

ANSWERS: dict[str, Schema] = {
    "Finding": closed(
        {
            "code": TEXT,
            "path": {"type": "string", "description": "A JSON Pointer."},
            "message": TEXT,
            "hint": MAYBE_TEXT,
            "severity": one_of("error", "warning", "info"),
        }
    ),
    "Problem": {
        "type": "object",
        "description": "RFC 9457; further members depend on `code`.",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": WHOLE,
            "detail": TEXT,
            "code": TEXT,
            "findings": listed(ref("Finding")),
        },
        "required": ["type", "title", "status", "detail", "code"],
    },
    "Draft": closed(
        {
            "revision": WHOLE,
            "document": OBJECT,
            "findings": listed(ref("Finding")),
            "content_hash": TEXT,
            "saved_at": TIME,
        }
    ),
    "Workflow": closed({**_WORKFLOW, "draft": ref("Draft")}),
    "WorkflowInList": closed(_WORKFLOW),
    "WorkflowList": listing("WorkflowInList"),
    "Version": closed(_VERSION),
    "VersionList": listing("Version"),
    "VersionWithDocument": closed({**_VERSION, "document": OBJECT}),
    "Change": closed({"path": TEXT, "change": one_of("added", "removed", "changed"), "from": ANY, "to": ANY}),
    "Diff": closed(
        {
            "steps": listed(
                closed(
                    {
                        "id": TEXT,
                        "change": one_of("added", "removed", "changed"),
                        "inputs": listed(ref("Change")),
                    }
                )
            ),
            "edges": listed(closed({"change": one_of("added", "removed"), "edge": OBJECT})),
            "other": listed(ref("Change")),
        }
    ),
    "Findings": closed({"findings": listed(ref("Finding"))}),
    "Evaluated": {
        "oneOf": [closed({"value": ANY}), closed({"error": closed({"code": TEXT, "message": TEXT})})],
    },
    "Tried": {
        "oneOf": [
            closed({"value": ANY, "logs": _CODE_LOGS, "duration_ms": {"type": "number"}}),
            closed(
                {
                    "error": closed({"code": TEXT, "message": TEXT, "details": OBJECT}),
                    "logs": _CODE_LOGS,
                    "duration_ms": {"type": "number"},
                }
            ),
        ],
    },
    "TestReport": closed(
        {
            "passed": WHOLE,
            "failed": WHOLE,
            "results": listed(
                closed(
                    {
                        "name": TEXT,
                        "passed": FLAG,
                        "run_id": MAYBE_ID,
                        "failures": listed(closed({"path": TEXT, "expected": ANY, "got": ANY})),
                    }
                )
            ),
        }
    ),
    "StepError": closed(
        {"code": TEXT, "message": TEXT, "step": MAYBE_TEXT, "retryable": FLAG, "details": OBJECT},
    ),
    "Run": closed(
        {
            "run_id": ID,
            "workflow_id": ID,
            "workflow": TEXT,
            "version": VERSION,
            "status": _RUN_STATUS,
            "carrier": one_of("temporal", "inline", "simulation"),
            "trigger": ANY,
            "trigger_type": TEXT,
            "trigger_id": MAYBE_TEXT,
            "input": ANY,
            "output": ANY,
            "error": maybe(ref("StepError")),
            "pinned": maybe(closed({"at": TIME, "by": MAYBE_TEXT, "reason": MAYBE_TEXT})),
            "warnings": listed(ANY),
            "test": FLAG,
            "replay_of": MAYBE_ID,
            "parent_run_id": MAYBE_ID,
            "parent_path": MAYBE_TEXT,
            "queued_at": TIME,
            "started_at": MAYBE_TIME,
            "finished_at": MAYBE_TIME,
            "cancel_requested_at": MAYBE_TIME,
            "waiting_for": listed(
                closed(
                    {"path": MAYBE_TEXT, "kind": _KIND, "reason": TEXT, "until": MAYBE_TIME, "resume_url": MAYBE_TEXT}
                )
            ),
        }
    ),
    "RunList": listing("Run"),
    "RunId": closed({"run_id": ID}),
    "Step": closed(
        {
            "path": TEXT,
            "step": TEXT,
            "module": TEXT,
            "iteration": {"type": ["integer", "null"]},
            "attempt": WHOLE,
            "status": _STEP_STATUS,
            "started_at": TIME,
            "finished_at": MAYBE_TIME,
            "duration_ms": {"type": ["number", "null"]},
            "input": ANY,
            "output": ANY,
            "error": maybe(ref("StepError")),
            "handle": MAYBE_TEXT,
            "logs": listed(ANY),
            "resume_url": MAYBE_TEXT,
            "child_run_id": MAYBE_ID,
            "mocked": MAYBE_TEXT,
            "idempotency_key": MAYBE_TEXT,
            "retry_at": MAYBE_TIME,
            "waiting_for": maybe(closed({"kind": _KIND, "reason": MAYBE_TEXT, "until": MAYBE_TIME})),
        }
    ),
    "StepList": listing("Step"),
    "ManyRuns": closed(_MANY),
    "ManyReplays": closed(
        {**_MANY, "operation": TEXT, "failed": listed(closed({"run_id": ID, "code": TEXT, "detail": TEXT}))}
    ),
    "Module": closed(
        {
            "module": TEXT,
            "version": WHOLE,
            "title": TEXT,
            "kind": TEXT,
            "effect": TEXT,
            "idempotent": {},
            "input_schema": ANY,
            "output_schema": ANY,
            "handles": ANY,
            "slots": listed(TEXT),
            "timeout": {"type": ["number", "null"]},
            "retry": OBJECT,
            "example": OBJECT,
            "manual": TEXT,
        }
    ),
    "ModuleList": listing("Module"),
    "Variable": closed({"name": TEXT, "secret": FLAG, "updated_at": TIME}, {"value": ANY}),
    "VariableList": listing("Variable"),
    "Health": closed({"status": TEXT}, {"temporal": FLAG}),
    "Anything": ANY,
}
