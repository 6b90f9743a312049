"""What stands in for a run's effects when it is only simulated, found before it starts.

For each step that reaches outside and has no mock: its last real output in this workflow, else the example of its module, else a sample of the
output schema. The log row says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from db import steps
from db.ids import WorkflowId, WorkspaceId
from db.pool import Database
from engine.core.plan import ScopePlan, StepPlan, build_plan
from engine.core.sample import sample
from engine.expressions.values import Json, Ref, from_json
from engine.runs.prepared import Prepared
from engine.runs.reading import acting
from modules.sdk.declaration import Module

JsonObject = dict[str, Json]


async def find_simulated(
    db: Database,
    workspace_id: WorkspaceId,
    workflow_id: WorkflowId | None,
    prepared: Prepared,
    modules: Mapping[str, Module],
    mocks: Mapping[str, Json],
) -> JsonObject:
    """`{step: {output, source, handle}}`."""
    wanted = {step.id: step for step in reaching_out(build_plan(prepared.compiled).root) if step.id not in mocks}
    known: dict[str, Json] = {}
    if wanted and workflow_id is not None:
        async with acting(db, workspace_id) as conn:
            known = await steps.last_outputs(conn, workspace_id, workflow_id, list(wanted))
    return {id_: stand_in(step, modules.get(step.module.key), known.get(id_)) for id_, step in wanted.items()}


def reaching_out(scope: ScopePlan) -> Iterator[StepPlan]:
    """All steps, at any depth, that read, write or wait for somebody."""
    for step in scope.steps:
        if step.node.outside or step.effect.fixed is None or step.effect.fixed[0] != "none":
            yield step
        for inner in step.slots.values():
            yield from reaching_out(inner)


def stand_in(step: StepPlan, module: Module | None, last: Json) -> JsonObject:
    """An output kept by reference belongs to another run and doesn't count."""
    if last is not None and not isinstance(from_json(last), Ref):
        return {"output": last, "source": "last_output", "handle": _usual(step)}
    if module is not None and module.example.output is not None:
        return {"output": module.example.output, "source": "example", "handle": module.example.handle}
    schema: Json = None if module is None else module.output_schema
    return {"output": sample(schema), "source": "schema", "handle": _usual(step)}


def _usual(step: StepPlan) -> str:
    handles = step.module.handles
    return handles[0] if handles and "out" not in handles else "out"
