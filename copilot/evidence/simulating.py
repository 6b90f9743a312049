"""One simulated run of a draft, for the one who is to approve it: nothing outside is reached, and nothing is kept.

It begins with what the document's first test has (its trigger, variables and mocks), else with a sample that is made of the trigger's own
schema and example. Whatever reads, writes or waits for somebody and has no mock goes on with a stand-in
(`engine/runs/simulated.py`). Code without an effect runs for real, behind its wall. The workspace's secrets are shapes here, never values.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final, cast

from copilot.tools.kit import Kit
from copilot.tools.tool import Asker
from db import variables
from db.ids import new_uuid7
from engine.core.plan import Plan, build_plan
from engine.core.records import StepRecord
from engine.core.sample import sample
from engine.core.simulation import simulate
from engine.core.start import ResumeBase, RunStart, WorkflowInfo
from engine.core.testcase import last_rows
from engine.expressions.values import Json, Value, as_value
from engine.problems import Invalid
from engine.run_args import load_options
from engine.runs.lookup import Target
from engine.runs.reading import acting
from engine.runs.simulated import find_simulated
from engine.spec.document import Document, JsonObject
from engine.triggers.input import api_trigger, choose, given_trigger

LONGEST: Final = 20.0
"""Seconds that it may take."""
_RESUME: Final = ResumeBase("http://localhost", bytes(32))


@dataclass(frozen=True, slots=True)
class Trial:
    """`begun` says with what: `the test 'name'`, `a sample for the trigger 'hook'`. `rows` are the last rows, by path in order.

    `status` is the run's, `not_run` where there was nothing to begin with, or `too_long`.
    """

    status: str
    begun: str
    made_up: bool
    error: JsonObject | None
    rows: tuple[StepRecord, ...]
    plan: Plan


async def trial(kit: Kit, asker: Asker, target: Target, document: Json) -> Trial:
    """Raises `Unavailable` only. `target` is the draft `document`, prepared."""
    plan = build_plan(target.prepared.compiled)
    test = _first_test(document)
    begun = _called(test, plan.document)
    try:
        trigger = _trigger(kit, plan.document, test)
    except Invalid as problem:
        return Trial("not_run", begun, test is None, {"code": problem.code, "message": problem.detail}, (), plan)
    mocks = _object(None if test is None else test.get("mocks"))
    async with acting(kit.db, asker.workspace_id) as conn:
        known = await variables.all_values(conn, asker.workspace_id)
    workflow = target.workflow
    found = await find_simulated(
        kit.db, asker.workspace_id, workflow.workflow_id, target.prepared, kit.prepared.modules, mocks
    )
    run_id, now = str(new_uuid7()), time.time()
    limit = plan.document.settings.timeout
    start = RunStart(
        run_id=run_id,
        workflow=WorkflowInfo(str(workflow.workflow_id), workflow.name, "draft"),
        started_at=now,
        trigger=cast("dict[str, Value]", trigger),
        trigger_id=cast("str | None", trigger["id"]),
        vars={
            name: as_value(value)
            for name, value in {**known, **_object(None if test is None else test.get("vars"))}.items()
        },
        origin=run_id,
        options=load_options({"mocks": mocks, "unmocked": "fail", "simulate": True, "simulated": found}),
        resume=_RESUME,
        reply=True,
        deadline=None if limit is None else now + limit,
    )
    try:
        async with asyncio.timeout(LONGEST):
            done = await simulate(plan, start, kit.registry.pure(), kit.call_isolated)
    except TimeoutError:
        return Trial("too_long", begun, test is None, None, (), plan)
    rows = {row.path: row for row in last_rows(done.records).values()}
    error = None if done.end.error is None else done.end.error.to_json()
    return Trial(done.end.status.value, begun, test is None, error, tuple(rows.values()), plan)


def _first_test(document: Json) -> JsonObject | None:
    tests = document.get("tests") if isinstance(document, dict) else None
    return next((test for test in tests if isinstance(test, dict)), None) if isinstance(tests, list) else None


def _trigger(kit: Kit, document: Document, test: JsonObject | None) -> JsonObject:
    """Raises `Invalid`."""
    if test is None:
        return _sampled(kit, document, _start_of(document))
    named = test.get("trigger_id")
    trigger_id = named if isinstance(named, str) else None
    if test.get("trigger") is None:
        return api_trigger(choose(document, trigger_id), test.get("input", {}))
    return given_trigger(document, test["trigger"], trigger_id)


def _start_of(document: Document) -> str | None:
    """The first trigger that leads to something."""
    leaving = {edge.source for edge in document.edges}
    return next((id_ for id_ in document.triggers if id_ in leaving), next(iter(document.triggers), None))


def _sampled(kit: Kit, document: Document, trigger_id: str | None) -> JsonObject:
    body = None if document.input_schema is None else sample(document.input_schema)
    if trigger_id is None:
        return api_trigger(None, {} if body is None else body)
    trigger = document.triggers[trigger_id]
    module = kit.registry.get(trigger.module, trigger.version)
    example = {} if module is None else _object(module.example.output)
    made = {key: value for key, value in example.items() if key not in ("type", "id")}
    schema = trigger.inputs.get("schema")
    if isinstance(schema, dict):
        made["body"] = sample(schema)
    elif body is not None:
        made["body"] = body
    return given_trigger(document, made, trigger_id)


def _called(test: JsonObject | None, document: Document) -> str:
    if test is not None:
        return f"the test {str(test.get('name'))[:100]!r}"
    started = _start_of(document)
    return "a made-up input" if started is None else f"a sample for the trigger {started!r}"


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
