"""App queues: made, changed, filled and looked into; their dead letters and flushes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from server.api.answers import answer, decode_cursor, paged
from server.api.describe import taking
from server.api.parameters import Cursor, Given, Limit, Who, With
from server.api.route import ApiRoute, does

router = APIRouter(route_class=ApiRoute, prefix="/queues", tags=["queues"])


@router.post("", status_code=201, openapi_extra=does("queues.write", {201: "Queue"}, **taking("NewQueue")))
async def create(body: Given, caller: Who, engine: With) -> Response:
    """`{name, …settings}`; 409 when the name is taken."""
    return answer(await engine.queues.create(caller.workspace_id, caller.user_id, body), 201)


@router.get("", openapi_extra=does("queues.read", {200: "QueueList"}))
async def list_(caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Newest first."""
    return paged(await engine.queues.list_queues(caller.workspace_id, decode_cursor(cursor), limit or 50))


@router.get("/{queue}", openapi_extra=does("queues.read", {200: "Queue"}))
async def get(queue: str, caller: Who, engine: With) -> Response:
    """By id or name. `reason` says why items don't move, null while they do."""
    return answer(await engine.queues.get(caller.workspace_id, queue))


@router.patch("/{queue}", openapi_extra=does("queues.write", {200: "Queue"}, **taking("QueueChange")))
async def change(queue: str, body: Given, caller: Who, engine: With) -> Response:
    """Settings and `status`; they hold for what waits already. `ordering` only while the queue is empty: 409."""
    return answer(await engine.queues.update(caller.workspace_id, queue, body))


@router.delete("/{queue}", status_code=204, openapi_extra=does("queues.write", {204: None}))
async def delete(
    queue: str,
    caller: Who,
    engine: With,
    force: Annotated[bool, Query(description="With all that it holds.")] = False,
) -> Response:
    """409 while it holds items or dead letters, unless forced. Runs that have a batch go on."""
    await engine.queues.delete(caller.workspace_id, queue, force=force)
    return Response(status_code=204)


@router.post(
    "/{queue}/items", status_code=201, openapi_extra=does("queues.enqueue", {201: "Enqueued"}, **taking("NewItems"))
)
async def put(queue: str, request: Request, body: Given, caller: Who, engine: With) -> Response:
    """`{items: [{data, ordering_key?, dedupe_key?, delay?}]}`, at most 10,000 of 1 MB each; all of them or none."""
    key = request.headers.get("idempotency-key")
    return answer(await engine.queues.put(caller.workspace_id, queue, body, key), 201)


@router.get("/{queue}/items", openapi_extra=does("queues.read", {200: "QueueItemList"}))
async def items(queue: str, caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """What waits, is delayed, or is in a batch; newest first. A page of large items is shorter."""
    return paged(await engine.queues.items(caller.workspace_id, queue, decode_cursor(cursor), limit or 50))


@router.get("/{queue}/dead-letters", openapi_extra=does("queues.read", {200: "DeadLetterList"}))
async def dead_letters(queue: str, caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Items whose attempts are used up, newest first, each with its last run and error."""
    return paged(await engine.queues.dead_letters(caller.workspace_id, queue, decode_cursor(cursor), limit or 50))


@router.get("/{queue}/log", openapi_extra=does("queues.read", {200: "FlushList"}))
async def log(queue: str, caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Each run that a batch was given to, and what became of the items; newest first."""
    return paged(await engine.queues.log(caller.workspace_id, queue, decode_cursor(cursor), limit or 50))


@router.get("/{queue}/stats", openapi_extra=does("queues.read", {200: "QueueStats"}))
async def stats(queue: str, caller: Who, engine: With) -> Response:
    """Figures of the moment."""
    return answer(await engine.queues.stats(caller.workspace_id, queue))


@router.post("/{queue}/flush", status_code=202, openapi_extra=does("queues.write", {202: "Flushing"}))
async def flush(queue: str, caller: Who, engine: With) -> Response:
    """All that waits now is handed out without waiting for its age. 409 while the queue is paused or nobody takes its items."""
    return answer(await engine.queues.flush(caller.workspace_id, queue), 202)


@router.post("/{queue}/pause", openapi_extra=does("queues.write", {200: "Queue"}))
async def pause(queue: str, caller: Who, engine: With) -> Response:
    """No batch is handed out any more; runs that have one go on. Items may still be added."""
    return answer(await engine.queues.pause(caller.workspace_id, queue))


@router.post("/{queue}/resume", openapi_extra=does("queues.write", {200: "Queue"}))
async def resume(queue: str, caller: Who, engine: With) -> Response:
    """Goes on. What is blocked is tried again with all its attempts, also in a queue that wasn't paused."""
    return answer(await engine.queues.resume(caller.workspace_id, queue))


@router.post("/{queue}/clear", openapi_extra=does("queues.write", {200: "Cleared"}))
async def clear(queue: str, caller: Who, engine: With) -> Response:
    """Takes away all items that no run has at the moment; dead letters stay."""
    return answer(await engine.queues.clear(caller.workspace_id, queue))


@router.post(
    "/{queue}/dead-letters/replay", openapi_extra=does("queues.write", {200: "Replayed"}, **taking("ChosenItems"))
)
async def replay(queue: str, body: Given, caller: Who, engine: With) -> Response:
    """`{item_ids}` or `{all: true}`: they wait again, at the end, with all their attempts."""
    return answer(await engine.queues.replay(caller.workspace_id, queue, body))


@router.post(
    "/{queue}/dead-letters/drop", openapi_extra=does("queues.write", {200: "Dropped"}, **taking("ChosenItems"))
)
async def drop(queue: str, body: Given, caller: Who, engine: With) -> Response:
    """`{item_ids}` or `{all: true}`: they are gone for good."""
    return answer(await engine.queues.drop(caller.workspace_id, queue, body))
