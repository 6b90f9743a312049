"""What workflows tell each other: listening triggers, steps that wait under a key, and events kept for waits to come.

An event's data is closed in workspaces that keep data of runs encrypted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from db import log_seal
from db.connection import Connection
from db.data import json_or_none
from db.ids import EventId, RunId, WorkflowId, WorkspaceId
from db.json import Json
from db.log_seal import LogPlace
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trigger that listens, as a version of its workflow has it. Only those of the kind `workflow` have `statuses`."""

    trigger_id: str
    kind: Literal["event", "workflow"]
    names: tuple[str, ...]
    statuses: tuple[str, ...] | None = None
    filter: Json = None


@dataclass(frozen=True, slots=True)
class Listener:
    workflow_id: WorkflowId
    trigger_id: str
    filter: Json


@dataclass(frozen=True, slots=True)
class Wait:
    """`open` false: the step doesn't wait any more. `schema`: what a body must be."""

    run_id: RunId
    path: str
    schema: Json
    open: bool


@dataclass(frozen=True, slots=True)
class Kept:
    event_id: EventId
    data: Json


_BIND = command("events", "bind")
_UNBIND = command("events", "unbind")
_LISTENING = rows("events", "listening", Listener)
_CHAIN_OF = values("events", "chain_of", UUID)
_LOCK_KEY = values("events", "lock_key", str)
_WAITS = rows("events", "waits", Wait)
_WAIT = command("events", "wait")
_WAIT_NO_MORE = command("events", "wait_no_more")
_KEEP = command("events", "keep")
_KEPT = rows("events", "kept", Kept)
_TAKE_KEPT = command("events", "take_kept")


async def bind(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, wanted: Sequence[Wanted]
) -> None:
    """Exactly these triggers of the workflow listen."""
    await connection.count(_UNBIND, workspace_id=workspace_id, workflow_id=workflow_id)
    for one in wanted:
        await connection.count(
            _BIND,
            workspace_id=workspace_id,
            workflow_id=workflow_id,
            trigger_id=one.trigger_id,
            kind=one.kind,
            names=list(one.names),
            statuses=None if one.statuses is None else list(one.statuses),
            filter=json_or_none(one.filter),
        )


async def listening(connection: Connection, workspace_id: WorkspaceId, name: str) -> list[Listener]:
    """To events of that name."""
    return await connection.all(_LISTENING, workspace_id=workspace_id, name=name)


async def chain_of(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> list[WorkflowId]:
    """The workflows whose runs led to this one, and its own, last."""
    return [WorkflowId(one) for one in await connection.all(_CHAIN_OF, workspace_id=workspace_id, run_id=run_id)]


async def lock_key(connection: Connection, workspace_id: WorkspaceId, key: str) -> None:
    """Until the end of the transaction."""
    await connection.one(_LOCK_KEY, workspace_id=workspace_id, key=key)


async def waits(connection: Connection, workspace_id: WorkspaceId, key: str) -> list[Wait]:
    """The key's lock is held."""
    return await connection.all(_WAITS, workspace_id=workspace_id, key=key)


async def wait(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str, key: str, schema: Json
) -> None:
    """The step waits from now on; the key's lock is held. Nothing where its run is over."""
    await connection.count(
        _WAIT, workspace_id=workspace_id, run_id=run_id, path=path, key=key, schema=json_or_none(schema)
    )


async def wait_no_more(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, path: str) -> None:
    await connection.count(_WAIT_NO_MORE, workspace_id=workspace_id, run_id=run_id, path=path)


async def keep(
    connection: Connection,
    workspace_id: WorkspaceId,
    event_id: EventId,
    key: str,
    name: str,
    data: Json,
    window_s: float,
) -> None:
    """For the first wait that comes within the window; the key's lock is held."""
    seal = await log_seal.wanted(connection.seal, workspace_id)
    closed = await log_seal.closed(seal, _place(workspace_id, event_id), data)
    await connection.count(
        _KEEP,
        workspace_id=workspace_id,
        event_id=event_id,
        key=key,
        name=name,
        data=json_or_none(closed),
        window_s=window_s,
    )


async def kept(connection: Connection, workspace_id: WorkspaceId, key: str, limit: int) -> list[Kept]:
    """Oldest first; the key's lock is held. Raises `UnreadableData`."""
    found = await connection.all(_KEPT, workspace_id=workspace_id, key=key, most=limit)
    return [
        replace(one, data=await log_seal.opened(connection.seal, _place(workspace_id, one.event_id), one.data))
        for one in found
    ]


async def take_kept(connection: Connection, workspace_id: WorkspaceId, event_id: EventId) -> None:
    await connection.count(_TAKE_KEPT, workspace_id=workspace_id, event_id=event_id)


def _place(workspace_id: WorkspaceId, event_id: EventId) -> LogPlace:
    return LogPlace("kept_events", "data", workspace_id, str(event_id))
