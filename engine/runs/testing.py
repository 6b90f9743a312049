"""A document's own tests: each is a simulated run, held against what it expects, and kept as a run that people can look into."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from db import runs, variables, versions
from db.documents import CompiledDocument
from db.errors import DatabaseUnavailable
from db.ids import RunId, WorkspaceId, new_uuid7
from db.pool import Database
from db.runs import NewRun
from engine.activities.host import Head
from engine.activities.run_log import DatabaseLog
from engine.authority import Authority
from engine.core.effects import RunOptions
from engine.core.errors import StepError
from engine.core.plan import Plan, build_plan
from engine.core.records import RunEnd, RunStatus
from engine.core.simulation import CallIsolated, Simulated, simulate
from engine.core.start import ResumeBase, RunStart, WorkflowInfo
from engine.core.testcase import Failure, failures
from engine.expressions.values import Json, Value, as_value
from engine.input_check import check
from engine.problems import Invalid, Unavailable
from engine.runs.lookup import Lookup, Target, VersionName
from engine.runs.reading import acting
from engine.spec.document import Document
from engine.triggers.input import api_trigger, choose, given_trigger
from modules.sdk.declaration import Pure
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

_RESUME = ResumeBase("http://localhost", bytes(32))
"""A test's resume addresses lead nowhere."""


@dataclass(frozen=True, slots=True)
class Tested:
    """`start` None: the test's own trigger is no trigger, and nothing was run."""

    name: str
    start: RunStart | None
    simulated: Simulated | None
    failures: tuple[Failure, ...]

    def report(self, run_id: str | None) -> Json:
        return {
            "name": self.name,
            "passed": not self.failures,
            "run_id": run_id,
            "failures": [failure.to_json() for failure in self.failures],
        }


async def run_test(
    plan: Plan,
    info: WorkflowInfo,
    test: JsonObject,
    known: Mapping[str, Json],
    pure: Mapping[str, Pure],
    call_isolated: CallIsolated,
) -> Tested:
    """`known` are the workspace's variables; the test's own come first."""
    name = str(test.get("name", ""))
    document = plan.document
    named = test.get("trigger_id")
    trigger_id = named if isinstance(named, str) else None
    try:
        trigger = _trigger(document, test, trigger_id)
    except Invalid as problem:
        return Tested(name, None, None, (Failure("/trigger", test.get("trigger"), problem.detail),))
    run_id, now = str(new_uuid7()), time.time()
    limit = document.settings.timeout
    start = RunStart(
        run_id=run_id,
        workflow=info,
        started_at=now,
        trigger=cast("dict[str, Value]", trigger),
        trigger_id=cast("str | None", trigger["id"]),
        vars={name: as_value(value) for name, value in {**known, **_object(test.get("vars"))}.items()},
        origin=run_id,
        options=RunOptions(mocks=_object(test.get("mocks")), unmocked="fail"),
        resume=_RESUME,
        reply=True,
        deadline=None if limit is None else now + limit,
    )
    wrong: list[Json] = []
    if document.input_schema is not None:
        body = trigger.get("body")
        wrong = await check(document.input_schema, body, size=len(dumps(body)))
    if wrong:
        error = StepError(
            "input.invalid", "The input doesn't fit the workflow's input_schema.", details={"errors": wrong}
        )
        simulated = Simulated(RunEnd(RunStatus.FAILED, error=error), (), None)
    else:
        simulated = await simulate(plan, start, pure, call_isolated)
    return Tested(
        name, start, simulated, tuple(failures(_object(test.get("expect")), simulated.end, simulated.records))
    )


def _trigger(document: Document, test: JsonObject, trigger_id: str | None) -> JsonObject:
    """The test's whole `trigger`; else an API call with its `input`."""
    given = test.get("trigger")
    if given is None:
        return api_trigger(choose(document, trigger_id), test.get("input", {}))
    return given_trigger(document, given, trigger_id)


def summed(results: list[Json]) -> JsonObject:
    passed = sum(1 for result in results if isinstance(result, dict) and result["passed"] is True)
    return {"passed": passed, "failed": len(results) - passed, "results": results}


class Tester:
    def __init__(self, db: Database, lookup: Lookup, pure: Mapping[str, Pure], call_isolated: CallIsolated) -> None:
        self._db = db
        self._lookup = lookup
        self._pure = pure
        self._call_isolated = call_isolated
        self._log = DatabaseLog(db)

    async def test(
        self, workspace_id: WorkspaceId, reference: str, version: VersionName = "draft", *, authority: Authority
    ) -> JsonObject:
        """`{passed, failed, results: [{name, passed, run_id, failures}]}`. Each test is kept as a run, with its rows in one commit."""
        target = await self._lookup.target(workspace_id, reference, version, authority)
        async with acting(self._db, workspace_id) as conn:
            document = await versions.document(conn, workspace_id, target.workflow.workflow_id, target.version)
            known = await variables.all_values(conn, workspace_id)
        plan = build_plan(target.prepared.compiled)
        info = WorkflowInfo(str(target.workflow.workflow_id), target.workflow.name, target.version or "draft")
        results: list[Json] = []
        for test in _tests(document):
            tested = await run_test(plan, info, test, known, self._pure, self._call_isolated)
            try:
                results.append(tested.report(await self._keep(target, tested)))
            except DatabaseUnavailable as error:
                raise Unavailable from error
        return summed(results)

    async def _keep(self, target: Target, tested: Tested) -> str | None:
        if tested.start is None or tested.simulated is None:
            return None
        start, workflow, settings = tested.start, target.workflow, target.prepared.document.settings
        trigger = cast("JsonObject", dict(start.trigger))
        run_id = RunId(UUID(start.run_id))
        async with self._db.engine(workflow.workspace_id) as conn:
            await runs.accept(
                conn,
                NewRun(
                    run_id=run_id,
                    workspace_id=workflow.workspace_id,
                    workflow_id=workflow.workflow_id,
                    version=target.version,
                    document=CompiledDocument(
                        hash=target.prepared.compiled_hash,
                        content_hash=target.prepared.content_hash,
                        compiled=target.prepared.compiled,
                    ),
                    trigger_type=str(trigger["type"]),
                    trigger_id=start.trigger_id,
                    trigger=trigger,
                    carrier="simulation",
                    test=True,
                    options={"test": tested.name, "mocks": start.options.mocks, "unmocked": "fail"},
                    log=settings.log,
                    retention_days=settings.retention_days,
                    queued=False,
                ),
            )
            head = Head(str(run_id), workflow.workspace_id, str(workflow.workflow_id), start.started_at)
            await self._log.write_on(conn, head, tested.simulated.records, waiting=None, end=tested.simulated.end)
        return str(run_id)


def _tests(document: Json) -> list[JsonObject]:
    listed = document.get("tests") if isinstance(document, dict) else None
    return [test for test in listed if isinstance(test, dict)] if isinstance(listed, list) else []


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
