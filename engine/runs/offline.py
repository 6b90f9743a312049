"""A document's tests without any stack: what `millstream test FILE` runs."""

from __future__ import annotations

from engine.core.compiled import compile_run
from engine.core.plan import build_plan
from engine.core.start import WorkflowInfo
from engine.expressions.values import Json
from engine.isolated.pool import IsolatedPool
from engine.runs.isolated_calls import isolated_caller
from engine.runs.lookup import refused
from engine.runs.testing import run_test, summed
from engine.sandbox.sandbox import Sandbox
from engine.spec.finding import has_errors
from engine.spec.normalize import complete
from engine.spec.upgrade import upgrade
from engine.spec.validate import validate
from modules.registry import load_registry

JsonObject = dict[str, Json]


async def test_document(document: Json) -> JsonObject:
    """`{passed, failed, results: [{name, passed, run_id, failures}]}`; nothing is kept, so `run_id` is null.

    Raises `Invalid` with findings for a document that has errors.
    """
    registry = load_registry()
    document = complete(upgrade(document), registry)
    findings = validate(document, registry, None, "draft")
    if has_errors(findings):
        raise refused(findings, "tested")
    plan = build_plan(compile_run(document, {module.key: module for module in registry.all()}))
    info = WorkflowInfo("offline", plan.document.name, "draft")
    listed = document.get("tests") if isinstance(document, dict) else None
    results: list[Json] = []
    async with IsolatedPool() as pool, Sandbox() as code:
        call_isolated = isolated_caller({module.key: module for module in registry.all()}, pool, code)
        for test in listed if isinstance(listed, list) else []:
            if isinstance(test, dict):
                tested = await run_test(plan, info, test, {}, registry.pure(), call_isolated)
                results.append(tested.report(None))
    return summed(results)
