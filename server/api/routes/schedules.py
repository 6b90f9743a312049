"""Schedules: when workflows are due, paused, resumed, made up for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.api.answers import answer, decode_cursor, paged
from server.api.describe import taking
from server.api.parameters import Cursor, Given, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/schedules", tags=["schedules"])


@router.get("", openapi_extra=does("schedules.read", {200: "ScheduleList"}))
async def list_(
    caller: Who,
    engine: With,
    workflow: Annotated[str | None, Query(description="Its id or name.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Of deployed workflows, newest first, each with its next ten times."""
    return paged(
        await engine.schedules.list_schedules(caller.workspace_id, workflow, decode_cursor(cursor), limit or 50)
    )


@router.get("/{schedule_id}", openapi_extra=does("schedules.read", {200: "Schedule"}))
async def get(schedule_id: str, caller: Who, engine: With) -> Response:
    """`paused` also while its workflow is; `reason` says why."""
    return answer(await engine.schedules.get(caller.workspace_id, schedule_id))


@router.post(
    "/{schedule_id}/pause",
    openapi_extra=does("schedules.write", {200: "Schedule"}, **taking("SchedulePause", required=False)),
)
async def pause(schedule_id: str, body: Given, caller: Who, engine: With) -> Response:
    """`{reason?}`: no time comes until it is resumed."""
    return answer(await engine.schedules.pause(caller.workspace_id, schedule_id, body))


@router.post("/{schedule_id}/resume", openapi_extra=does("schedules.write", {200: "Schedule"}))
async def resume(schedule_id: str, caller: Who, engine: With) -> Response:
    """Times that passed meanwhile are not made up for."""
    return answer(await engine.schedules.resume(caller.workspace_id, schedule_id))


@router.post(
    "/{schedule_id}/backfill",
    status_code=202,
    openapi_extra=does("schedules.write", {202: "Backfilled"}, **taking("Backfill")),
)
async def backfill(schedule_id: str, body: Given, caller: Who, engine: With) -> Response:
    """`{from, to, overlap?}`: the times of that span as if they came now, each once; at most 1,000."""
    return answer(await engine.schedules.backfill(caller.workspace_id, schedule_id, body), 202)
