"""The inbox as people see it: what came, what became of it and why; to be tried again, or given up."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import get_args
from uuid import UUID

from db import audit, inbox
from db.connection import Connection
from db.ids import EventId, WorkspaceId
from db.inbox import Content, Event, EventKind, Verdict
from db.log_seal import UnreadableData
from db.pool import Database
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.problems import Conflict, Invalid, NotFound
from engine.runs.lookup import find_workflow
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import acting
from engine.views import moment

JsonObject = dict[str, Json]

_SHOWN = 64 * 1024
"""Bytes of a body that are shown with an event; all of it is under its own address."""


class Inbox:
    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub

    async def list_events(
        self, workspace_id: WorkspaceId, filters: Mapping[str, str | None], cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first. `filters`: `verdict`, `kind`, `workflow` by id or name. Raises `Invalid`, `NotFound`."""
        before = cursor_id(cursor)
        verdict = filters.get("verdict")
        kind = filters.get("kind")
        async with acting(self._db, workspace_id) as conn:
            workflow = None
            if (reference := filters.get("workflow")) is not None:
                workflow = await find_workflow(conn, workspace_id, reference)
                if workflow is None:
                    raise NotFound("workflow", reference)
            found = await inbox.list_events(
                conn,
                workspace_id,
                None if before is None else EventId(before),
                limit + 1,
                verdict=None if verdict is None else _verdict(verdict),
                kind=None if kind is None else _kind(kind),
                workflow_id=None if workflow is None else workflow.workflow_id,
            )
        items: list[Json] = [event_view(event) for event in found[:limit]]
        return Page(items, [str(found[limit - 1].event_id)] if len(found) > limit else None)

    async def get(self, workspace_id: WorkspaceId, event_id: str) -> JsonObject:
        """With what came: its head, and of the body as much as a person reads."""
        async with acting(self._db, workspace_id) as conn:
            event = await self._event(conn, workspace_id, event_id)
            content = await self._content(conn, event)
        return {**event_view(event), **_content_view(content)}

    async def raw(self, workspace_id: WorkspaceId, event_id: str) -> bytes:
        """The body as it came. Raises `NotFound` once it is kept no longer."""
        async with acting(self._db, workspace_id) as conn:
            content = await self._content(conn, await self._event(conn, workspace_id, event_id))
        if content is None or content.raw is None:
            raise NotFound("event content", event_id)
        return content.raw

    async def replay(self, workspace_id: WorkspaceId, event_id: str) -> JsonObject:
        """It waits again, whatever became of it, and is taken as if it had come now. Raises `NotFound`, `Conflict`."""
        async with acting(self._db, workspace_id) as conn:
            event = await self._event(conn, workspace_id, event_id)
            if event.workflow_id is None:
                raise Conflict(
                    "event.aimless", "It was meant for no workflow of this workspace, so it can start nothing."
                )
            if not await inbox.replay(conn, workspace_id, event.event_id):
                raise Conflict(
                    "event.gone", "It can't be replayed: what came is kept no longer, or it is being taken just now."
                )
            await audit.note(conn, workspace_id, "event", event.event_id, event.source, "replayed")
            event = await self._event(conn, workspace_id, event_id)
        self._hub.publish(int(workspace_id), str(event.event_id), Kind.EVENT)
        return event_view(event)

    async def drop(self, workspace_id: WorkspaceId, event_id: str) -> JsonObject:
        """One that waits or has failed is given up. Raises `NotFound`, `Conflict`."""
        async with acting(self._db, workspace_id) as conn:
            event = await self._event(conn, workspace_id, event_id)
            if not await inbox.drop(conn, workspace_id, event.event_id, "It was dropped by hand."):
                raise Conflict("event.over", f"There is nothing to drop: the event is {event.verdict}.")
            await audit.note(conn, workspace_id, "event", event.event_id, event.source, "dropped")
            event = await self._event(conn, workspace_id, event_id)
        self._hub.publish(int(workspace_id), str(event.event_id), Kind.EVENT)
        return event_view(event)

    @staticmethod
    async def _content(conn: Connection, event: Event) -> Content | None:
        try:
            return await inbox.content(conn, event.workspace_id, event.content_id)
        except UnreadableData as error:
            raise Conflict("data.unreadable", f"What came can't be read: {error}.") from None

    @staticmethod
    async def _event(conn: Connection, workspace_id: WorkspaceId, event_id: str) -> Event:
        try:
            found = await inbox.get(conn, workspace_id, EventId(UUID(event_id)))
        except ValueError:
            found = None
        if found is None:
            raise NotFound("event", event_id)
        return found


def event_view(event: Event) -> JsonObject:
    return {
        "event_id": str(event.event_id),
        "kind": event.kind,
        "source": event.source,
        "workflow": event.workflow,
        "trigger": event.trigger_id,
        "received_at": moment(event.received_at),
        "verdict": event.verdict,
        "reason": event.reason,
        "attempts": event.attempts,
        "next_at": None if event.next_at is None else moment(event.next_at),
        "run_id": None if event.run_id is None else str(event.run_id),
        "size": event.size,
    }


def _content_view(content: Content | None) -> JsonObject:
    if content is None:
        return {"head": None, "body": None, "encoding": None}
    raw = content.raw or b""
    part = raw[:_SHOWN]
    shown: JsonObject = {"head": content.head, "truncated": len(raw) > _SHOWN}
    try:
        return {**shown, "body": part.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError as error:
        if error.start >= len(part) - 3 and len(raw) > _SHOWN:
            return {**shown, "body": part[: error.start].decode(), "encoding": "utf-8"}
        return {**shown, "body": base64.b64encode(part).decode(), "encoding": "base64"}


def _verdict(given: str) -> Verdict:
    for one in get_args(Verdict):
        if one == given:
            return one
    raise Invalid("verdict.invalid", f"`verdict` is {given!r}; it must be one of {', '.join(get_args(Verdict))}.")


def _kind(given: str) -> EventKind:
    for one in get_args(EventKind):
        if one == given and one != "api":
            return one
    known = [one for one in get_args(EventKind) if one != "api"]
    raise Invalid("kind.invalid", f"`kind` is {given!r}; it must be one of {', '.join(known)}.")
