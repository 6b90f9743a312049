"""Runs: find, read, follow, cancel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AwareDatetime

from db.ids import WorkspaceId
from db.record import RunStatus
from db.run_rows import RunFilter
from engine.problems import Invalid
from engine.runs.events import run_events, workspace_events
from engine.runs.lookup import find_workflow
from engine.runs.reading import acting, run_id_of
from server.api.access import Caller, current
from server.api.answers import answer, decode_cursor, paged
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import Services, services_of
from server.api.streams import event_stream

router = APIRouter(route_class=ApiRoute, prefix="/runs", tags=["runs"])

_STATUSES: dict[str, RunStatus] = {
    "queued": "queued",
    "running": "running",
    "waiting": "waiting",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "timed_out": "timed_out",
}
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID")]


@router.get("", openapi_extra=does("runs.read"))
async def list_(
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
    workflow: Annotated[str | None, Query(description="Name or id.")] = None,
    status: Annotated[str | None, Query(description="One status, or several with commas between.")] = None,
    version: Annotated[str | None, Query(description="A number, or draft.")] = None,
    trigger: Annotated[str | None, Query(description="The trigger's type: webhook, api, subworkflow …")] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="Accepted at or after.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Accepted before.")] = None,
    q: Annotated[str | None, Query(description="Words of inputs, outputs and errors: all must be there.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """The newest first."""
    chosen = await run_filter(services, caller.workspace_id, workflow, status, version, trigger, since, until, q)
    if chosen is None:
        return answer({"items": [], "next_cursor": None})
    return paged(await services.reader.list_runs(caller.workspace_id, chosen, decode_cursor(cursor), limit or 50))


@router.get("/events", openapi_extra=does("runs.read"))
async def follow_all(
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
    last: LastEventId = None,
) -> Response:
    """Server-sent events `run` and `end` of all runs of the workspace, from now on or after `Last-Event-ID`. It never ends."""
    return await event_stream(workspace_events(services.db, services.hub, caller.workspace_id, last))


@router.get("/{run_id}", openapi_extra=does("runs.read"))
async def get(
    run_id: str, caller: Annotated[Caller, Depends(current)], services: Annotated[Services, Depends(services_of)]
) -> Response:
    """One run, and what it waits for."""
    return answer(await services.reader.view(caller.workspace_id, run_id_of(run_id)))


@router.get("/{run_id}/steps", openapi_extra=does("runs.read"))
async def steps(
    run_id: str,
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """The step log in start order: one row for each attempt."""
    found = await services.reader.list_steps(caller.workspace_id, run_id_of(run_id), decode_cursor(cursor), limit or 50)
    return paged(found)


@router.get("/{run_id}/payloads/{ref}", openapi_extra=does("runs.read"))
async def payload(
    run_id: str,
    ref: str,
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
) -> Response:
    """Large data that a run or a step refers to by `$ref`."""
    found = await services.reader.payload(caller.workspace_id, run_id_of(run_id), ref)
    return Response(found.body, media_type=found.media_type)


@router.get("/{run_id}/events", openapi_extra=does("runs.read"))
async def follow(
    run_id: str,
    caller: Annotated[Caller, Depends(current)],
    services: Annotated[Services, Depends(services_of)],
    last: LastEventId = None,
) -> Response:
    """Server-sent events `run`, `step`, `log` and at last `end`, from the beginning or after `Last-Event-ID`."""
    return await event_stream(run_events(services.db, services.hub, caller.workspace_id, run_id_of(run_id), last))


@router.post("/{run_id}/cancel", openapi_extra=does("runs.cancel"))
async def cancel(
    run_id: str, caller: Annotated[Caller, Depends(current)], services: Annotated[Services, Depends(services_of)]
) -> Response:
    """202 and the run as it is now; 200 if it had ended before."""
    chosen = run_id_of(run_id)
    told = await services.canceller.cancel(caller.workspace_id, chosen)
    return answer(await services.reader.view(caller.workspace_id, chosen), 202 if told else 200)


async def run_filter(
    services: Services,
    workspace_id: WorkspaceId,
    workflow: str | None,
    status: str | None,
    version: str | None,
    trigger: str | None,
    since: datetime | None,
    until: datetime | None,
    question: str | None,
) -> RunFilter | None:
    """None where no run can be meant: a workflow that isn't there. Raises `Invalid` for a status or version that can't be."""
    workflow_id = None
    if workflow is not None:
        async with acting(services.db, workspace_id) as connection:
            found = await find_workflow(connection, workspace_id, workflow)
        if found is None:
            return None
        workflow_id = found.workflow_id
    return RunFilter(
        workflow_id=workflow_id,
        statuses=_statuses(status),
        version=_version(version),
        trigger_type=trigger or None,
        since=since,
        until=until,
        question=question or None,
    )


def _statuses(text: str | None) -> tuple[RunStatus, ...] | None:
    if not text:
        return None
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in _STATUSES]
    if unknown:
        known = ", ".join(_STATUSES)
        raise Invalid("status.invalid", f"{unknown[0]!r} is no status of a run; the statuses are {known}.")
    return tuple(_STATUSES[name] for name in names)


def _version(text: str | None) -> int | None:
    if not text:
        return None
    if text == "draft":
        return 0
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise Invalid("version.invalid", f"`version` is {text!r}; it must be `draft` or the number of a version.")
    return int(text)
