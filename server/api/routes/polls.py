"""Polls: what asks other systems for what is new, and how far it got."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.api.answers import answer, decode_cursor, paged
from server.api.describe import taking
from server.api.parameters import Cursor, Given, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/polls", tags=["polls"])


@router.get("", openapi_extra=does("polls.read", {200: "PollList"}))
async def list_(
    caller: Who,
    engine: With,
    workflow: Annotated[str | None, Query(description="Its id or name.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Of deployed workflows, newest first."""
    return paged(await engine.polls.list_polls(caller.workspace_id, workflow, decode_cursor(cursor), limit or 50))


@router.post("/{poll_id}/now", status_code=202, openapi_extra=does("polls.write", {202: "Poll"}))
async def now(poll_id: str, caller: Who, engine: With) -> Response:
    """It asks at once instead of at its time."""
    return answer(await engine.polls.ask_now(caller.workspace_id, poll_id), 202)


@router.post(
    "/{poll_id}/reset", openapi_extra=does("polls.write", {200: "Poll"}, **taking("PollReset", required=False))
)
async def reset(poll_id: str, body: Given, caller: Who, engine: With) -> Response:
    """`{cursor?}`: it forgets what it has seen, and begins at that cursor, or at the beginning."""
    return answer(await engine.polls.reset(caller.workspace_id, poll_id, body))
