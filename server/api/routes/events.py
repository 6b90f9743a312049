"""Events: told by callers, to workflows that listen and to steps that wait."""

from __future__ import annotations

from fastapi import APIRouter, Response

from server.api.answers import answer
from server.api.describe import taking
from server.api.parameters import Given, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/events", tags=["events"])


@router.post("", status_code=202, openapi_extra=does("events.publish", {202: "Delivered"}, **taking("ToldEvent")))
async def publish(body: Given, caller: Who, engine: With) -> Response:
    """`{name, key?, data}`: starts what listens for the name, ends waits under the key; with nobody waiting it is kept for a day."""
    return answer(await engine.publisher.publish(caller.workspace_id, body), 202)
