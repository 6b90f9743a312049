"""Polls as people see them; and which are live, changed in the transaction that makes a version live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from db import audit, polls
from db.connection import Connection
from db.ids import PollId, WorkflowId, WorkspaceId
from db.log_seal import UnreadableData
from db.polls import Poll, Wanted
from db.pool import Database
from engine.expressions.durations import parse_duration
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.problems import Conflict, Invalid, NotFound
from engine.runs.lookup import find_workflow, living
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import acting
from engine.runs.request_body import object_of
from engine.spec.load import load
from engine.triggers.poller import MODULE
from engine.views import moment
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

EVERY = "5m"
_LONGEST_CURSOR = 64 * 1024


async def bind_polls(conn: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, document: Json) -> None:
    """The workflow asks as the document says; what it has seen and where it got to stays with the trigger's id."""
    wanted: list[Wanted] = []
    for trigger in load(document).triggers.values():
        every = trigger.inputs.get("every", EVERY)
        if trigger.module == MODULE and not trigger.disabled and isinstance(every, str | int | float):
            wanted.append(Wanted(trigger.id, parse_duration(every)))
    await polls.bind(conn, workspace_id, workflow_id, wanted)


class Polls:
    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub

    async def list_polls(
        self, workspace_id: WorkspaceId, workflow: str | None, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first; of one workflow, by its id or name, if it is given."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            chosen = None
            if workflow is not None:
                chosen = living(await find_workflow(conn, workspace_id, workflow), workflow).workflow_id
            found = await polls.list_polls(
                conn, workspace_id, None if before is None else PollId(before), limit + 1, chosen
            )
            items: list[Json] = [await _view(conn, one) for one in found[:limit]]
        return Page(items, [str(found[limit - 1].poll_id)] if len(found) > limit else None)

    async def ask_now(self, workspace_id: WorkspaceId, poll_id: str) -> JsonObject:
        """Raises `Conflict` while its workflow is paused."""
        async with acting(self._db, workspace_id) as conn:
            poll = await _poll(conn, workspace_id, poll_id)
            if not await polls.hurry(conn, poll):
                raise Conflict("workflow.paused", "The workflow is paused, so the poll asks nothing.")
            await audit.note(conn, workspace_id, "poll", poll.poll_id, poll.trigger_id, "asked")
            shown = await _view(conn, await _poll(conn, workspace_id, poll_id))
        self._hub.publish(int(workspace_id), str(poll.workflow_id), Kind.SCHEDULE)
        return shown

    async def reset(self, workspace_id: WorkspaceId, poll_id: str, body: Json) -> JsonObject:
        """`{cursor?}`: it forgets what it has seen, and begins there."""
        cursor = object_of(body, ("cursor",)).get("cursor")
        if len(dumps(cursor)) > _LONGEST_CURSOR:
            raise Invalid("request.invalid", f"`cursor` is larger than {_LONGEST_CURSOR // 1024} KB.")
        async with acting(self._db, workspace_id) as conn:
            poll = await _poll(conn, workspace_id, poll_id)
            await polls.forget(conn, poll, cursor)
            await audit.note(conn, workspace_id, "poll", poll.poll_id, poll.trigger_id, "reset")
            return await _view(conn, await _poll(conn, workspace_id, poll_id))


async def _poll(conn: Connection, workspace_id: WorkspaceId, poll_id: str) -> Poll:
    try:
        found = await polls.get(conn, workspace_id, PollId(UUID(poll_id)))
    except ValueError:
        found = None
    if found is None:
        raise NotFound("poll", poll_id)
    return found


async def _view(conn: Connection, poll: Poll) -> JsonObject:
    try:
        poll = await polls.opened(conn, poll)
    except UnreadableData:
        poll = replace(poll, cursor=None, error=None)
    return {
        "poll_id": str(poll.poll_id),
        "workflow": poll.workflow,
        "trigger": poll.trigger_id,
        "every": poll.every_s,
        "next": moment(poll.next_at),
        "asked_at": moment(poll.asked_at),
        "answered_at": moment(poll.answered_at),
        "cursor": poll.cursor,
        "failures": poll.failures,
        "error": poll.error,
    }
