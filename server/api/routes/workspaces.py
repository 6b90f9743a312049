"""The workspace that the caller's key belongs to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from db import workspaces
from engine.runs.reading import acting
from server.api.access import Caller, current
from server.api.answers import page
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/workspaces", tags=["workspaces"])


@router.get("", openapi_extra=does("workspace.read", {200: "WorkspaceList"}))
async def list_(caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]) -> Response:
    """A list of one: a key belongs to one workspace. `role` is the caller's in it."""
    async with acting(engine.db, caller.workspace_id) as connection:
        found = await workspaces.get(connection, caller.workspace_id)
    assert found is not None, "a key's workspace can't be deleted while the key holds"
    view = {"workspace_id": int(found.workspace_id), "slug": found.slug, "name": found.name, "role": caller.role}
    return page([{**view}], None)
