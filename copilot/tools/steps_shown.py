"""Runs and steps as the model reads them: less than people see, for every byte costs, and without addresses that are keys."""

from __future__ import annotations

from typing import Final

from copilot.tools.marking import marked, shortened
from db.run_rows import RunRow
from db.steps import StepRow
from engine.expressions.values import Json
from engine.views import moment, version_shown

JsonObject = dict[str, Json]

_MESSAGE: Final = 600
_LINES: Final = 20


def run_brief(row: RunRow) -> JsonObject:
    """Its header, to be marked."""
    shown: JsonObject = {
        "run": str(row.run_id),
        "workflow": row.workflow,
        "version": version_shown(row.version),
        "status": row.status,
        "trigger_type": row.trigger_type,
        "trigger_id": row.trigger_id,
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
    }
    if row.error is not None:
        shown["error"] = error_brief(row.error)
    if row.test:
        shown["test"] = True
    if row.replay_of is not None:
        shown["replay_of"] = str(row.replay_of)
    return shown


def brief(step: JsonObject) -> JsonObject:
    """One row of a list, to be marked. `step` is as the API shows it."""
    shown: JsonObject = {key: step[key] for key in ("path", "module", "status")}
    if step["attempt"] not in (0, 1):
        shown["attempt"] = step["attempt"]
    if step["error"] is not None:
        shown["error"] = error_brief(step["error"])
    for key in ("handle", "mocked"):
        if step[key] not in (None, "out"):
            shown[key] = step[key]
    return shown


def step_whole(row: StepRow, given: Json, gave: Json) -> JsonObject:
    """One attempt with its data, each part marked."""
    logs = row.logs if isinstance(row.logs, list) else []
    head: JsonObject = {
        "path": row.path,
        "module": row.module,
        "attempt": row.attempt,
        "status": row.status,
        "handle": row.handle,
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
    }
    shown: JsonObject = {"about": marked(head, "run log", 2_000), "input": marked(given, "run log", 8_000)}
    if row.error is not None:
        shown["error"] = marked(row.error, "run log", 4_000)
    if gave is not None:
        shown["output"] = marked(gave, "run log", 8_000)
    if logs:
        shown["log"] = marked(logs[-_LINES:], "run log", 4_000)
    if row.child_run_id is not None:
        shown["child_run"] = str(row.child_run_id)
    return shown


def error_brief(error: Json) -> Json:
    """Code, message and the step at which it began, to be marked."""
    if not isinstance(error, dict):
        return error
    return {
        "code": error.get("code"),
        "message": shortened(str(error.get("message")), _MESSAGE),
        "step": error.get("step"),
    }
