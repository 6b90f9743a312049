"""The inbox: what came from outside, what became of it, and what to do about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.api.answers import answer, decode_cursor, paged
from server.api.parameters import Cursor, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/inbox", tags=["inbox"])


@router.get("", openapi_extra=does("inbox.read", {200: "EventList"}))
async def list_(
    caller: Who,
    engine: With,
    verdict: Annotated[
        str | None, Query(description="waiting, accepted, duplicate, refused, failed or dropped.")
    ] = None,
    kind: Annotated[str | None, Query(description="webhook, email, schedule, event, workflow or poll.")] = None,
    workflow: Annotated[str | None, Query(description="Its id or name.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Newest first."""
    filters = {"verdict": verdict, "kind": kind, "workflow": workflow}
    return paged(await engine.inbox.list_events(caller.workspace_id, filters, decode_cursor(cursor), limit or 50))


@router.get("/{event_id}", openapi_extra=does("inbox.read", {200: "WholeEvent"}))
async def get(event_id: str, caller: Who, engine: With) -> Response:
    """With what came, while it is kept: `head`, and `body` up to 64 KB."""
    return answer(await engine.inbox.get(caller.workspace_id, event_id))


@router.get("/{event_id}/raw", openapi_extra=does("inbox.read", {200: "application/octet-stream"}))
async def raw(event_id: str, caller: Who, engine: With) -> Response:
    """The body as it came."""
    content = await engine.inbox.raw(caller.workspace_id, event_id)
    headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.post("/{event_id}/replay", status_code=202, openapi_extra=does("inbox.write", {202: "Event"}))
async def replay(event_id: str, caller: Who, engine: With) -> Response:
    """It waits again and is taken as if it had come now, by the version that is live now; 409 once what came is kept no longer."""
    return answer(await engine.inbox.replay(caller.workspace_id, event_id), 202)


@router.post("/{event_id}/drop", openapi_extra=does("inbox.write", {200: "Event"}))
async def drop(event_id: str, caller: Who, engine: With) -> Response:
    """One that waits or has failed is given up; 409 where there is nothing to give up."""
    return answer(await engine.inbox.drop(caller.workspace_id, event_id))
