"""Why a run failed, from the run itself: the step that failed first, its resolved input, the error, and what was different when all went well.

The last green run is the newest one of the workflow before this one that succeeded and was no test. What differs is told by facts alone: the
document that ran, the way it was started, the shape of its input, and the input of the same step. What that means is for the reader to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from copilot.tools.actions import Call
from copilot.tools.marking import marked
from copilot.tools.steps_shown import run_brief, step_whole
from copilot.tools.tool import Answer
from db import documents, run_rows, steps
from db.connection import Connection
from db.ids import RunId
from db.run_rows import RunFilter, RunRow
from engine.expressions.values import Json
from engine.problems import NotFound
from engine.runs.reading import acting
from engine.runs.stored import shown
from engine.spec.diff import diff
from engine.views import version_shown

JsonObject = dict[str, Json]

_DEEPEST: Final = 4
_PLACES: Final = 60


async def explain(call: Call, run_id: RunId) -> Answer:
    """`{run, failed?, last_green, differs?}`."""
    workspace_id = call.asker.workspace_id
    async with acting(call.kit.db, workspace_id) as conn:
        run = await run_rows.get(conn, run_id)
        if run is None:
            raise NotFound("run", str(run_id))
        content: JsonObject = {"run": marked(run_brief(run), "run log", 4_000)}
        if run.status in ("queued", "running", "waiting"):
            content["next"] = "It hasn't ended: `show` tells what it waits for."
            return Answer(content)
        path = _failed_path(run.error)
        failed = None if path is None else await steps.newest(conn, workspace_id, run_id, path)
        if failed is not None:
            given, gave = await shown(conn, workspace_id, run_id, [failed.input, failed.output])
            content["failed"] = step_whole(failed, given, gave)
            content["attempts"] = failed.attempt
        (trigger,) = await shown(conn, workspace_id, run_id, [run.trigger])
        content["trigger"] = marked(trigger, run.trigger_type, 6_000)
        green = await _last_green(conn, run)
        if green is None:
            content["last_green"] = None
            return Answer(content)
        content["last_green"] = marked(run_brief(green), "run log", 2_000)
        content["differs"] = await _differences(conn, run, green, trigger, path)
    return Answer(content)


def _failed_path(error: Json) -> str | None:
    path = error.get("step") if isinstance(error, dict) else None
    return path if isinstance(path, str) else None


async def _last_green(conn: Connection, run: RunRow) -> RunRow | None:
    chosen = RunFilter(workflow_id=run.workflow_id, statuses=("succeeded",), test=False)
    found = await run_rows.list_runs(conn, run.workspace_id, chosen, run.run_id, 1)
    return found[0] if found else None


async def _differences(conn: Connection, run: RunRow, green: RunRow, trigger: Json, path: str | None) -> JsonObject:
    """`from` is the green run."""
    told: JsonObject = {
        "version": {"from": version_shown(green.version), "to": version_shown(run.version)},
        "same_document": run.compiled_hash == green.compiled_hash,
    }
    if run.compiled_hash != green.compiled_hash:
        before, after = await _document(conn, green), await _document(conn, run)
        if before is not None and after is not None:
            told["document"] = marked(diff(before, after), "workflow", 8_000)
    if run.trigger_type != green.trigger_type or run.trigger_id != green.trigger_id:
        started: JsonObject = {
            "from": {"type": green.trigger_type, "id": green.trigger_id},
            "to": {"type": run.trigger_type, "id": run.trigger_id},
        }
        told["started_by"] = marked(started, "run log", 1_000)
    (then,) = await shown(conn, green.workspace_id, green.run_id, [green.trigger])
    told["input"] = marked(_compared(_body(then), _body(trigger)), run.trigger_type, 6_000)
    if path is not None:
        rows = [await steps.newest(conn, one.workspace_id, one.run_id, path) for one in (green, run)]
        inputs = [None if row is None else row.input for row in rows]
        if rows[0] is None:
            told["step"] = "The step didn't run in the green run."
        else:
            told["step_input"] = marked(_compared(inputs[0], inputs[1]), "run log", 6_000)
    return told


async def _document(conn: Connection, run: RunRow) -> Json:
    kept = await documents.get(conn, run.workspace_id, run.compiled_hash)
    return kept.compiled.get("document") if kept is not None and isinstance(kept.compiled, dict) else None


def _body(trigger: Json) -> Json:
    return trigger.get("body") if isinstance(trigger, dict) else None


def _compared(before: Json, after: Json) -> JsonObject:
    """Places that only one of them has, and those with another type or value (the values themselves stand in the step's input)."""
    old, new = dict(_places(before, "", _DEEPEST)), dict(_places(after, "", _DEEPEST))
    retyped: list[Json] = []
    other: list[Json] = []
    for place in old:
        if place in new and _type(old[place]) != _type(new[place]):
            retyped.append({"path": place, "from": _type(old[place]), "to": _type(new[place])})
        elif place in new and not isinstance(old[place], dict | list) and old[place] != new[place]:
            other.append(place)
    missing: list[Json] = [place for place in old if place not in new]
    fresh: list[Json] = [place for place in new if place not in old]
    return {
        "missing": missing[:_PLACES],
        "new": fresh[:_PLACES],
        "another_type": retyped[:_PLACES],
        "another_value": other[:_PLACES],
    }


def _places(value: Json, path: str, depth: int) -> Iterator[tuple[str, Json]]:
    yield path, value
    if depth == 0:
        return
    if isinstance(value, dict):
        for key in list(value)[:_PLACES]:
            yield from _places(value[key], f"{path}/{key}", depth - 1)
    elif isinstance(value, list):
        for at, item in enumerate(value[:3]):
            yield from _places(item, f"{path}/{at}", depth - 1)


def _type(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"
