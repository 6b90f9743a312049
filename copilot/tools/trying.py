"""`workflows.test` and `workflows.simulate`: what a draft would do, with nothing outside reached.

A simulation begins with given data or with those of a past run. Whatever reads, writes or waits for somebody goes on with what the past run got
there, else with its last real output, else with its module's example. Nothing is kept.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast

from copilot.tools.actions import Call, unfit
from copilot.tools.marking import marked
from copilot.tools.steps_shown import error_brief
from copilot.tools.tool import Answer
from db import steps, variables
from db.errors import DatabaseUnavailable
from db.ids import new_uuid7
from db.run_rows import RunRow
from engine.core.plan import build_plan
from engine.core.records import StepRecord
from engine.core.simulation import Simulated, simulate
from engine.core.start import ResumeBase, RunStart, WorkflowInfo
from engine.expressions.values import Json, Ref, Value, as_value, from_json, to_json
from engine.input_check import check
from engine.problems import Unavailable
from engine.run_args import load_options
from engine.runs.lookup import Target, version_name
from engine.runs.reading import acting, run_id_of
from engine.runs.simulated import find_simulated
from engine.runs.stored import whole_value
from engine.triggers.input import api_trigger, choose, given_trigger
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

_LONGEST: Final = 20.0
_ROWS: Final = 40
_RESUME: Final = ResumeBase("http://localhost", bytes(32))


async def test(call: Call) -> Answer:
    """The document's own tests."""
    version = version_name(call.text("version") or "draft")
    report = await call.kit.tester.test(call.asker.workspace_id, call.workflow, version, authority=call.asker.role)
    results = [each for each in cast("list[Json]", report["results"]) if isinstance(each, dict)]
    counts: JsonObject = {"passed": report["passed"], "failed": report["failed"]}
    content: JsonObject = dict(counts)
    if not results:
        content["next"] = "The document has no tests. `edit` with `add_test` adds one; `simulate` tries it without."
    failed: list[Json] = [each for each in results if each["passed"] is not True]
    if failed:
        content["failures"] = marked(failed[:20], "tests", 10_000)
    return Answer(content, fact={"kind": "tests", "workflow": call.workflow, **counts})


async def simulated(call: Call) -> Answer:
    """One run of the draft (or a version) on given data, step by step."""
    kit, asker = call.kit, call.asker
    version = version_name(call.text("version") or "draft")
    target = await kit.lookup.target(asker.workspace_id, call.workflow, version, asker.role)
    document, named = target.prepared.document, call.text("trigger_id")
    past: RunRow | None = None
    if call.text("run") is not None:
        past = await kit.reader.row(asker.workspace_id, run_id_of(str(call.text("run"))))
        if past.workflow_id != target.workflow.workflow_id:
            return unfit("The run is of another workflow.")
        if past.trigger_id is not None and past.trigger_id not in document.triggers:
            return unfit("The document no longer has the trigger at which that run began: give `input` or `trigger`.")
        try:
            trigger = cast("JsonObject", await whole_value(kit.db, past, past.trigger))
        except DatabaseUnavailable as error:
            raise Unavailable from error
    elif "trigger" in call.arguments:
        trigger = given_trigger(document, call.arguments["trigger"], named)
    else:
        trigger = api_trigger(choose(document, named), call.arguments.get("input", {}))
    if document.input_schema is not None:
        body = trigger.get("body")
        wrong = await check(document.input_schema, body, size=len(dumps(body)))
        if wrong:
            return Answer({"status": "failed", "input_invalid": marked(wrong, "simulation", 4_000)})
    try:
        async with asyncio.timeout(_LONGEST):
            done = await _carried_out(call, target, trigger, past)
    except TimeoutError:
        return Answer({"status": "too_long", "message": f"It was stopped after {_LONGEST:g} seconds."})
    return _told(call, target, done)


async def _carried_out(call: Call, target: Target, trigger: JsonObject, past: RunRow | None) -> Simulated:
    kit, workspace_id, workflow = call.kit, call.asker.workspace_id, target.workflow
    async with acting(kit.db, workspace_id) as conn:
        known = await variables.all_values(conn, workspace_id)
    found = await find_simulated(kit.db, workspace_id, workflow.workflow_id, target.prepared, kit.prepared.modules, {})
    if past is not None:
        found |= await _of_run(call, past, found)
    run_id, now = str(new_uuid7()), time.time()
    limit = target.prepared.document.settings.timeout
    start = RunStart(
        run_id=run_id,
        workflow=WorkflowInfo(str(workflow.workflow_id), workflow.name, target.version or "draft"),
        started_at=now,
        trigger=cast("dict[str, Value]", trigger),
        trigger_id=cast("str | None", trigger.get("id")),
        vars={name: as_value(value) for name, value in known.items()},
        origin=run_id,
        options=load_options({"mocks": {}, "unmocked": "fail", "simulate": True, "simulated": found}),
        resume=_RESUME,
        reply=True,
        deadline=None if limit is None else now + limit,
    )
    return await simulate(build_plan(target.prepared.compiled), start, kit.registry.pure(), kit.call_isolated)


async def _of_run(call: Call, past: RunRow, wanted: JsonObject) -> JsonObject:
    """What the past run got from outside, where it is whole: of each step outside of loops the last attempt."""
    got: JsonObject = {}
    async with acting(call.kit.db, past.workspace_id) as conn:
        for id_ in wanted:
            row = await steps.newest(conn, past.workspace_id, past.run_id, id_)
            if row is None or row.status != "succeeded" or isinstance(from_json(row.output), Ref):
                continue
            handle = (row.handle or "out").split(",")[0]
            got[id_] = {"output": row.output, "source": "last_output", "handle": handle}
    return got


def _told(call: Call, target: Target, done: Simulated) -> Answer:
    last = {row.path: row for row in done.records}
    rows = list(last.values())
    listed: list[Json] = [_row(row) for row in rows[:_ROWS]]
    effects: JsonObject = {}
    for row in rows:
        if row.mocked is not None:
            effects[row.module] = cast("int", effects.get(row.module, 0)) + 1
    content: JsonObject = {
        "status": done.end.status.value,
        "steps": marked(listed, "simulation", 14_000),
        "simulated": marked(effects, "simulation", 2_000),
        "note": "Nothing outside was reached: `stood_in` says what stood in for a step's output.",
    }
    if len(rows) > _ROWS:
        content["more_steps"] = len(rows) - _ROWS
    if done.end.error is not None:
        content["error"] = marked(error_brief(done.end.error.to_json()), "simulation", 2_000)
    else:
        content["output"] = marked(to_json(done.end.output), "simulation", 6_000)
    return Answer(
        content,
        fact={
            "kind": "simulated",
            "workflow": target.workflow.name,
            "status": done.end.status.value,
            "steps": len(rows),
        },
    )


def _row(row: StepRecord) -> JsonObject:
    """What a step did, or would have done."""
    shown: JsonObject = {"path": row.path, "module": row.module, "status": row.status.value}
    if row.status.value == "skipped":
        return shown
    if row.mocked is not None:
        shown["stood_in"] = row.mocked
    shown["input"] = to_json(row.input)
    if row.error is not None:
        shown["error"] = error_brief(row.error.to_json())
    else:
        shown["output"] = to_json(row.output)
    return shown
