"""A workflow's draft and its numbered versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from engine.expressions.values import Json
from engine.problems import Invalid
from engine.runs.lookup import version_name
from server.api.access import Caller, current
from server.api.answers import answer, decode_cursor, paged
from server.api.body import Body, json_body
from server.api.describe import taking
from server.api.documents import DocumentBody, document_body
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/workflows/{workflow}", tags=["versions"])


class Deploy(Body):
    note: str | None = None
    base_revision: int | None = None


class Rollback(Body):
    note: str | None = None


@router.get("/draft", openapi_extra=does("workflows.read", {200: "Draft"}))
async def draft(
    workflow: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """`{revision, document, findings, content_hash}`."""
    return answer(await engine.definitions.draft(caller.workspace_id, workflow))


@router.put("/draft", openapi_extra=does("workflows.write", {200: "Draft"}, **taking("NewDraft", yaml=True)))
async def save(
    workflow: str,
    request: Request,
    body: Annotated[DocumentBody, Depends(document_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    base_revision: Annotated[str | None, Query(description="For a document sent as YAML.")] = None,
) -> Response:
    """`{document, base_revision}`, or YAML with `?base_revision=`. 409 with the current draft when it has moved on."""
    if "document" not in body.given:
        raise Invalid("request.invalid", "Give a `document`.")
    unknown = sorted(set(body.given) - {"document", "base_revision"})
    if unknown:
        raise Invalid("request.invalid", f"{unknown[0]!r} is not known here.")
    base = _revision(body.given.get("base_revision", base_revision))
    saved = await engine.definitions.save_draft(
        caller.workspace_id, caller.user_id, workflow, body.document, base, body.findings, authority=caller.role
    )
    return answer(saved)


@router.post(
    "/deploy",
    status_code=201,
    openapi_extra=does("workflows.deploy", {201: "Version", 200: "Version"}, **taking(Deploy, required=False)),
)
async def deploy(
    workflow: str,
    body: Annotated[Deploy, Depends(json_body(Deploy, optional=True))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """Freezes the draft as the next version and makes it live (201), or makes the version that equals it live again (200)."""
    version, new = await engine.definitions.deploy(
        caller.workspace_id, caller.user_id, workflow, body.note, body.base_revision, authority=caller.role
    )
    return answer(version, 201 if new else 200)


@router.get("/versions", openapi_extra=does("workflows.read", {200: "VersionList"}))
async def versions(
    workflow: str,
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Newest first, without documents."""
    found = await engine.definitions.list_versions(caller.workspace_id, workflow, decode_cursor(cursor), limit or 50)
    return paged(found)


@router.get("/versions/{number}", openapi_extra=does("workflows.read", {200: "VersionWithDocument"}))
async def version(
    workflow: str,
    number: int,
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """One version with its document."""
    return answer(await engine.definitions.version(caller.workspace_id, workflow, number))


@router.post(
    "/versions/{number}/rollback",
    openapi_extra=does("workflows.deploy", {200: "Version"}, **taking(Rollback, required=False)),
)
async def rollback(
    workflow: str,
    number: int,
    body: Annotated[Rollback, Depends(json_body(Rollback, optional=True))],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """Makes an older version live; the draft stays as it is."""
    return answer(await engine.definitions.rollback(caller.workspace_id, workflow, number, authority=caller.role))


@router.get("/diff", openapi_extra=does("workflows.read", {200: "Diff"}))
async def compare(
    workflow: str,
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    before: Annotated[str, Query(alias="from", description="A number, `deployed` or `draft`.")],
    after: Annotated[str, Query(alias="to", description="A number, `deployed` or `draft`.")],
) -> Response:
    """What changed, by step, input and edge."""
    found = await engine.definitions.diff(caller.workspace_id, workflow, version_name(before), version_name(after))
    return answer(found)


def _revision(given: Json) -> int | None:
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    if given is None or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    raise Invalid("base_revision.invalid", f"`base_revision` is {given!r}; it must be the number of a revision.")
