"""Addresses at which mail starts runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.api.answers import decode_cursor, paged
from server.api.parameters import Cursor, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/email-routes", tags=["email routes"])


@router.get("", openapi_extra=does("email_routes.read", {200: "EmailRouteList"}))
async def list_(
    caller: Who,
    engine: With,
    workflow: Annotated[str | None, Query(description="Its id or name.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Of deployed workflows, newest first."""
    return paged(
        await engine.email_routes.list_routes(caller.workspace_id, workflow, decode_cursor(cursor), limit or 50)
    )
