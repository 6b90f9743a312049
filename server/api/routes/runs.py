"""Runs: find, read, follow, cancel, replay, pin."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from engine.expressions.values import Json
from engine.runs.bulk import Many
from engine.runs.events import run_events, workspace_events
from engine.runs.filters import read_filter
from engine.runs.pages import bad_cursor
from engine.runs.pins import pin, unpin
from engine.runs.reading import acting, run_id_of
from engine.runs.replay import Operation, ReplayRequest
from server.api.access import Caller, current
from server.api.answers import answer, decode_cursor, encode_cursor, paged
from server.api.body import any_body
from server.api.describe import taking
from server.api.parameters import Cursor, Limit
from server.api.route import ApiRoute, does
from server.api.services import engine_of
from server.api.streams import event_stream
from server.compose import Engine

router = APIRouter(route_class=ApiRoute, prefix="/runs", tags=["runs"])

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID")]


@router.get("", openapi_extra=does("runs.read", {200: "RunList"}))
async def list_(
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    workflow: Annotated[str | None, Query(description="Name or id.")] = None,
    status: Annotated[str | None, Query(description="One status, or several with commas between.")] = None,
    version: Annotated[str | None, Query(description="A number, or draft.")] = None,
    trigger: Annotated[str | None, Query(description="The trigger's type: webhook, api, subworkflow …")] = None,
    since: Annotated[str | None, Query(alias="from", description="Accepted at or after, RFC 3339.")] = None,
    until: Annotated[str | None, Query(alias="to", description="Accepted before, RFC 3339.")] = None,
    test: Annotated[bool | None, Query(description="Runs of tests and with mocks, or none of them.")] = None,
    pinned: Annotated[bool | None, Query(description="Pinned runs, or none of them.")] = None,
    q: Annotated[str | None, Query(description="Words of inputs, outputs and errors: all must be there.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """The newest first."""
    given = {"workflow": workflow, "status": status, "version": version, "trigger": trigger, "from": since, "to": until}
    more = {"test": test, "pinned": pinned, "q": q}
    async with acting(engine.db, caller.workspace_id) as connection:
        chosen = await read_filter(connection, caller.workspace_id, {**given, **more})
    return paged(await engine.reader.list_runs(caller.workspace_id, chosen, decode_cursor(cursor), limit or 50))


@router.get("/events", openapi_extra=does("runs.read", {200: "text/event-stream"}))
async def follow_all(
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    last: LastEventId = None,
) -> Response:
    """Server-sent events `run` and `end` of all runs of the workspace, from now on or after `Last-Event-ID`. It never ends."""
    return await event_stream(workspace_events(engine.db, engine.hub, caller.workspace_id, last))


@router.get("/{run_id}", openapi_extra=does("runs.read", {200: "Run"}))
async def get(
    run_id: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """One run, and what it waits for."""
    return answer(await engine.reader.view(caller.workspace_id, run_id_of(run_id)))


@router.get("/{run_id}/steps", openapi_extra=does("runs.read", {200: "StepList"}))
async def steps(
    run_id: str,
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """The step log in start order: one row for each attempt."""
    found = await engine.reader.list_steps(caller.workspace_id, run_id_of(run_id), decode_cursor(cursor), limit or 50)
    return paged(found)


@router.get("/{run_id}/payloads/{ref}", openapi_extra=does("runs.read", {200: "Anything"}))
async def payload(
    run_id: str,
    ref: str,
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """Large data that a run or a step refers to by `$ref`."""
    found = await engine.reader.payload(caller.workspace_id, run_id_of(run_id), ref)
    return Response(found.body, media_type=found.media_type)


@router.get("/{run_id}/events", openapi_extra=does("runs.read", {200: "text/event-stream"}))
async def follow(
    run_id: str,
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
    last: LastEventId = None,
) -> Response:
    """Server-sent events `run`, `step`, `log` and at last `end`, from the beginning or after `Last-Event-ID`."""
    return await event_stream(run_events(engine.db, engine.hub, caller.workspace_id, run_id_of(run_id), last))


@router.post("/{run_id}/cancel", status_code=202, openapi_extra=does("runs.cancel", {202: "Run", 200: "Run"}))
async def cancel(
    run_id: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """202 and the run as it is now; 200 if it had ended before."""
    chosen = run_id_of(run_id)
    told = await engine.canceller.cancel(caller.workspace_id, chosen)
    return answer(await engine.reader.view(caller.workspace_id, chosen), 202 if told else 200)


@router.post(
    "/{run_id}/replay",
    status_code=202,
    openapi_extra=does("runs.replay", {202: "RunId"}, **taking("NewReplay", required=False)),
)
async def replay(
    run_id: str,
    request: Request,
    body: Annotated[Json, Depends(any_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{from_step?, input?, version?, keys?}`: a new run, whole or from a step on. The version is the old run's unless given."""
    key = request.headers.get("idempotency-key")
    # The route's own memory of the key forgets a request whose answer was lost: the new run remembers it.
    operation = None if key is None else Operation(key)
    made = await engine.replayer.replay(
        caller.workspace_id, run_id_of(run_id), ReplayRequest.read(body), operation, authority=caller.role
    )
    return answer({"run_id": str(made)}, 202)


@router.post("/{run_id}/pin", openapi_extra=does("runs.pin", {200: "Run"}, **taking("NewPin", required=False)))
async def pin_(
    run_id: str,
    body: Annotated[Json, Depends(any_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{reason?}`: the run is kept, with its log and data, until it is unpinned."""
    chosen = run_id_of(run_id)
    await pin(engine.db, caller.workspace_id, chosen, caller.api_key_id, body)
    return answer(await engine.reader.view(caller.workspace_id, chosen))


@router.post("/{run_id}/unpin", openapi_extra=does("runs.pin", {200: "Run"}))
async def unpin_(
    run_id: str, caller: Annotated[Caller, Depends(current)], engine: Annotated[Engine, Depends(engine_of)]
) -> Response:
    """Retention takes the run at its time again: soon, if that is over."""
    chosen = run_id_of(run_id)
    await unpin(engine.db, caller.workspace_id, chosen)
    return answer(await engine.reader.view(caller.workspace_id, chosen))


@router.post(
    "/replay",
    status_code=202,
    openapi_extra=does("runs.replay", {202: "ManyReplays", 200: "ManyReplays"}, **taking("ReplayOfMany")),
)
async def replay_many(
    request: Request,
    body: Annotated[Json, Depends(any_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{filter, dry_run, …}`: one page of runs, oldest first, and the writes that happen again. With `dry_run` nothing starts (200)."""
    key = request.headers.get("idempotency-key")
    return _many(await engine.bulk.replay(caller.workspace_id, body, _cursor_in(body), key, authority=caller.role))


@router.post(
    "/cancel",
    status_code=202,
    openapi_extra=does("runs.cancel", {202: "ManyRuns", 200: "ManyRuns"}, **taking("CancelOfMany")),
)
async def cancel_many(
    body: Annotated[Json, Depends(any_body)],
    caller: Annotated[Caller, Depends(current)],
    engine: Annotated[Engine, Depends(engine_of)],
) -> Response:
    """`{filter, dry_run?}`: one page of open runs, newest first, that were told. With `dry_run` nobody is (200)."""
    return _many(await engine.bulk.cancel(caller.workspace_id, body, _cursor_in(body)))


def _cursor_in(body: Json) -> list[Json] | None:
    given = body.get("cursor") if isinstance(body, dict) else None
    if given is not None and not isinstance(given, str):
        raise bad_cursor()
    return decode_cursor(given)


def _many(done: Many) -> Response:
    cursor = None if done.cursor is None else encode_cursor(*done.cursor)
    return answer({**done.told, "next_cursor": cursor}, 200 if done.dry else 202)
