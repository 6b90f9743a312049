"""`workflow.finished`: the end of another workflow's run starts a run."""

from __future__ import annotations

from modules.sdk.declaration import Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="workflow.finished",
    version=1,
    title="A run has ended",
    manual=(
        "Starts a run when a run of one of `workflows` ends with one of the statuses in `status`, while this workflow is "
        "deployed; while it is paused, ends wait. `trigger.body` is the run that ended, as the API shows it: its `workflow`, "
        "`run_id`, `status`, `error`, `input` and `output`. Runs of tests and of the workflow itself start nothing, nor do runs "
        "that one of its own has led to: a workflow that looks after failures doesn't look after its own for ever."
    ),
    kind="trigger",
    input_schema=object_of(
        {
            "workflows": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 63},
                "minItems": 1,
                "uniqueItems": True,
                "default": ["*"],
                "description": "names of workflows; `*` stands for all",
                "x-eval": "raw",
            },
            "status": {
                "type": "array",
                "items": {"enum": ["succeeded", "failed", "cancelled", "timed_out"]},
                "minItems": 1,
                "uniqueItems": True,
                "default": ["failed"],
                "x-eval": "raw",
            },
        }
    ),
    output_schema=object_of(
        {
            "type": {"const": "workflow"},
            "id": {"type": "string"},
            "body": {"type": "object", "description": "the run that ended"},
        },
        ["type", "id", "body"],
    ),
    example=Example(
        inputs={"workflows": ["orders"], "status": ["failed", "timed_out"]},
        output={
            "type": "workflow",
            "id": "failures",
            "body": {
                "run_id": "0198c5a0-0000-7000-8000-000000000001",
                "workflow": "orders",
                "status": "failed",
                "error": {"code": "http.500", "message": "the shop answered 500", "step": "post"},
            },
        },
        runnable=False,
    ),
)
