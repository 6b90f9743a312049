"""Tasks: what open runs ask of people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from server.api.access import Rights
from server.api.answers import decode_cursor, paged
from server.api.parameters import Cursor, Limit, Who, With
from server.api.route import ApiRoute, does
from server.api.services import rights_of

router = APIRouter(route_class=ApiRoute, prefix="/tasks", tags=["tasks"])


@router.get("", openapi_extra=does("tasks.read", {200: "TaskList"}))
async def list_(
    caller: Who,
    engine: With,
    rights: Annotated[Rights, Depends(rights_of)],
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Open approvals and forms, newest first. `url` answers one: of an approval in the caller's name, null for who may not answer."""
    answering = (caller.email or caller.key_name) if rights.may(caller, "tasks.answer") else None
    return paged(await engine.tasks.list_tasks(caller.workspace_id, answering, decode_cursor(cursor), limit or 50))
