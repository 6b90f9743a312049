"""Workflows: create, find, pause, delete; start and test them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from engine.expressions.values import Json
from engine.problems import Invalid
from engine.runs.lookup import version_name
from engine.runs.start import StartRequest
from engine.runs.waiting import ended, wait_for
from server.api.access import Caller, current
from server.api.answers import answer, decode_cursor, paged
from server.api.body import Body, any_body, json_body
from server.api.describe import taking
from server.api.documents import DocumentBody, document_body
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/workflows", tags=["workflows"])


class StatusChange(Body):
    status: str


class TestRequest(Body):
    version: int | str = "draft"


@router.post(
    "", status_code=201, openapi_extra=does("workflows.write", {201: "Workflow"}, **taking("NewWorkflow", yaml=True))
)
async def create(
    body: Annotated[DocumentBody, Depends(document_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{document}`, or `{name}` for an empty draft; a document alone as YAML. 409 when the name is taken."""
    unknown = sorted(set(body.given) - {"document", "name"})
    if unknown:
        raise Invalid("request.invalid", f"{unknown[0]!r} is not known here.")
    document = body.document
    if document is None and "name" in body.given:
        document = {"schema_version": 1, "name": body.given["name"], "steps": {}}
    if document is None:
        raise Invalid("request.invalid", "Give a `document`, or a `name` for an empty one.")
    made = await engine.definitions.create(
        caller.workspace_id, caller.slug, caller.user_id, document, body.findings, authority=caller.role
    )
    return answer(made, 201)


@router.get("", openapi_extra=does("workflows.read", {200: "WorkflowList"}))
async def list_(
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Newest first, without their drafts."""
    found = await engine.definitions.list_workflows(
        caller.workspace_id, caller.slug, decode_cursor(cursor), limit or 50
    )
    return paged(found)


@router.get("/{workflow}", openapi_extra=does("workflows.read", {200: "Workflow"}))
async def get(
    workflow: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """By id or name, with its draft."""
    return answer(await engine.definitions.get(caller.workspace_id, caller.slug, workflow))


@router.patch("/{workflow}", openapi_extra=does("workflows.write", {200: "Workflow"}, **taking(StatusChange)))
async def pause(
    workflow: str,
    body: Annotated[StatusChange, Depends(json_body(StatusChange))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{status: active | paused}`. A paused workflow's triggers answer 404; runs that were accepted go on."""
    found = await engine.definitions.set_status(caller.workspace_id, caller.slug, workflow, body.status)
    return answer(found)


@router.delete("/{workflow}", status_code=204, openapi_extra=does("workflows.delete", {204: None}))
async def delete(
    workflow: str,
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    purge: Annotated[bool, Query(description="Drop its runs too.")] = False,
    force: Annotated[bool, Query(description="With purge: pinned runs too.")] = False,
) -> Response:
    """Open runs are cancelled, hooks answer 410, runs stay readable unless purged."""
    await engine.definitions.delete(caller.workspace_id, workflow, purge=purge, force=force)
    return Response(status_code=204)


@router.post(
    "/{workflow}/runs",
    status_code=202,
    openapi_extra=does("runs.start", {202: "Run", 200: "Run"}, **taking("NewRun", required=False)),
)
async def start(
    workflow: str,
    request: Request,
    body: Annotated[Json, Depends(any_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{input | trigger, trigger_id?, version?, wait?, mocks?, unmocked?, simulate?}`: 202 and the run, 200 if it ended in time."""
    wanted = StartRequest.read(body)
    key = request.headers.get("idempotency-key")
    run_id = await engine.starter.start(
        caller.workspace_id, workflow, wanted, authority=caller.role, idempotency_key=key
    )
    if wanted.wait > 0:
        await wait_for(engine.db, engine.hub, caller.workspace_id, run_id, wanted.wait, ended)
    run = await engine.reader.view(caller.workspace_id, run_id)
    return answer(run, 202 if run["finished_at"] is None else 200)


@router.post(
    "/{workflow}/test", openapi_extra=does("workflows.test", {200: "TestReport"}, **taking(TestRequest, required=False))
)
async def test(
    workflow: str,
    body: Annotated[TestRequest, Depends(json_body(TestRequest, optional=True))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """Runs the tests that stand in the document, with simulated effects."""
    report = await engine.tester.test(caller.workspace_id, workflow, version_name(body.version), authority=caller.role)
    return answer(report)
