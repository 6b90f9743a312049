"""`runs`: what happened, why it failed, and to ask that it be run again. Addresses by which runs are resumed are nobody's to see here."""

from __future__ import annotations

from typing import Final, cast, get_args

from copilot.tools import explaining, replaying
from copilot.tools.actions import Action, ActionTool, Call, unfit
from copilot.tools.marking import marked
from copilot.tools.steps_shown import brief, run_brief, step_whole
from copilot.tools.tool import Answer
from db import run_rows, steps
from db.ids import RunId
from db.record import RunStatus
from db.run_rows import RunFilter
from engine.expressions.values import Json
from engine.problems import Problem
from engine.runs.lookup import find_workflow, living
from engine.runs.reading import acting, run_id_of
from engine.runs.stored import shown

JsonObject = dict[str, Json]

_STEPS: Final = 60
_BYTES: Final = 12_000
_STATUSES: Final = tuple(get_args(RunStatus))


def run_of(call: Call) -> RunId:
    """The one that is named, else the one that the conversation is about. Raises `Problem`."""
    named = call.text("run")
    if named is not None:
        return run_id_of(named)
    if call.place.run is None:
        raise Problem(422, "tool.run", "Say by `run` (its id) which one is meant; `runs.list` finds it.")
    return call.place.run


async def _list(call: Call) -> Answer:
    workspace_id, kit = call.asker.workspace_id, call.kit
    named = call.text("workflow") or call.place.workflow
    status = call.text("status")
    before = call.text("before")
    async with acting(kit.db, workspace_id) as conn:
        workflow_id = None
        if named is not None:
            workflow_id = living(await find_workflow(conn, workspace_id, named), named).workflow_id
        chosen = RunFilter(
            workflow_id=workflow_id, statuses=None if status is None else (cast("RunStatus", status),), test=False
        )
        rows = await run_rows.list_runs(
            conn, workspace_id, chosen, None if before is None else run_id_of(before), call.limit(10, 50)
        )
    listed: list[Json] = [run_brief(row) for row in rows]
    return Answer({"runs": marked(listed, "run log", _BYTES)})


async def _show(call: Call) -> Answer:
    """The run with its steps in short, or one step whole."""
    workspace_id, kit, run_id = call.asker.workspace_id, call.kit, run_of(call)
    path = call.text("step")
    if path is not None:
        return await _step(call, run_id, path)
    row = await kit.reader.row(workspace_id, run_id)
    view = await kit.reader.view(workspace_id, run_id)
    page = await kit.reader.list_steps(workspace_id, run_id, None, _STEPS)
    waiting = view["waiting_for"]
    listed: list[Json] = [brief(each) for each in page.items if isinstance(each, dict)]
    content: JsonObject = {
        "run": marked(run_brief(row), "run log", 4_000),
        "trigger": marked(view["trigger"], row.trigger_type, 6_000),
        "output": marked(view["output"], "run log", 6_000),
        "steps": marked(listed, "run log", _BYTES),
        "next": "`show` with `step` (its path) gives one step's input, output and log.",
    }
    if isinstance(waiting, list) and waiting:
        reasons: list[Json] = [
            {key: each[key] for key in ("path", "kind", "reason", "until")}
            for each in waiting
            if isinstance(each, dict)
        ]
        content["waiting_for"] = marked(reasons, "run log", 4_000)
    if page.cursor:
        content["more_steps"] = f"Only the first {_STEPS} rows are listed."
    return Answer(content)


async def _step(call: Call, run_id: RunId, path: str) -> Answer:
    workspace_id = call.asker.workspace_id
    await call.kit.reader.row(workspace_id, run_id)
    async with acting(call.kit.db, workspace_id) as conn:
        row = await steps.newest(conn, workspace_id, run_id, path) if "\x00" not in path else None
        if row is None:
            return unfit(f"The run has no step {path[:200]!r}: `show` without `step` lists their paths.")
        given, gave = await shown(conn, workspace_id, run_id, [row.input, row.output])
    return Answer({"step": step_whole(row, given, gave)})


TOOL = ActionTool(
    name="runs",
    description=(
        "Runs of workflows. list: the newest; show: one with its steps, or with `step` (a path) that step's resolved input, output and log; "
        "explain: why a run failed: the failed step, its input, the error, and what differs from the last green run; replay: asks the person "
        "to run an ended one again (your turn ends). `run` is the one that the conversation is about unless given."
    ),
    properties={
        "run": {"type": "string", "maxLength": 60, "description": "A run's id."},
        "workflow": {"type": "string", "maxLength": 200, "description": "list: of this workflow alone."},
        "status": {"type": "string", "enum": [*_STATUSES]},
        "before": {"type": "string", "maxLength": 60, "description": "list: older than this run (an id)."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 50},
        "step": {"type": "string", "maxLength": 1_000, "description": "show: a path, as `each_line[3].line`."},
        "from_step": {
            "type": "string",
            "maxLength": 1_000,
            "description": "replay: a path; what isn't downstream of it is taken over.",
        },
        "version": {
            "type": "string",
            "pattern": "^(draft|deployed|[1-9][0-9]{0,8})$",
            "description": "replay: another version than the one that ran.",
        },
        "input": {"description": "replay: another input."},
    },
    actions={
        "list": Action(_list, "runs.read", optional=("workflow", "status", "before", "limit")),
        "show": Action(_show, "runs.read", optional=("run", "step")),
        "explain": Action(lambda call: explaining.explain(call, run_of(call)), "runs.read", optional=("run",)),
        "replay": Action(
            lambda call: replaying.replay(call, run_of(call)),
            "runs.replay",
            optional=("run", "from_step", "version", "input"),
        ),
    },
)
