"""`core.subworkflow`: another workflow as a step."""

from __future__ import annotations

from modules.sdk.declaration import Effect, Example, Module
from modules.sdk.schema import object_of

MODULE = Module(
    name="core.subworkflow",
    version=1,
    title="Run a workflow",
    manual=(
        "Starts a run of another workflow of the workspace, given by id or name, with `input` as its "
        "`trigger.body`, and gives its output; with `wait: false` it gives `{run_id}` at once. `version` is a "
        "number, or `deployed` for the live one. The child runs in its parent's place in all limits of "
        "concurrency; a repeat of the step finds the child that it had started. A child that fails fails the step "
        "with its error, one that is cancelled with `subworkflow.cancelled`, and more than 8 levels with "
        "`subworkflow.depth`."
    ),
    kind="control",
    input_schema=object_of(
        {
            "workflow": {"type": "string", "minLength": 1, "description": "id or name"},
            "version": {
                "anyOf": [{"const": "deployed"}, {"type": "integer", "minimum": 1}],
                "default": "deployed",
            },
            "input": {"description": "the child's `trigger.body`"},
            "wait": {"type": "boolean", "default": True},
        },
        ["workflow"],
    ),
    output_schema={"description": "the child's output, or `{run_id}` without waiting"},
    example=Example(
        inputs={"workflow": "invoice", "input": {"order": 7}}, output={"invoice": "2026-0007"}, runnable=False
    ),
    effect=Effect.WRITE,
    keeps=True,
    idempotent=True,
)
