"""Triggers that ask another system what is new there. The tables say what their columns mean.

A cursor is closed in workspaces that keep data of runs encrypted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from db import log_seal
from db.connection import Connection
from db.data import json_or_none
from db.ids import MAX_UUID, PollId, WorkflowId, WorkspaceId, new_uuid7
from db.json import Json
from db.log_seal import LogPlace
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class Wanted:
    """As a version of the workflow has it."""

    trigger_id: str
    every_s: float


@dataclass(frozen=True, slots=True)
class Poll:
    """`answered_at` None: it has had no answer yet."""

    workspace_id: WorkspaceId
    poll_id: PollId
    workflow_id: WorkflowId
    workflow: str
    trigger_id: str
    every_s: float
    next_at: datetime | None
    lease_epoch: int
    cursor: Json
    asked_at: datetime | None
    answered_at: datetime | None
    failures: int
    error: Json

    @property
    def source(self) -> str:
        """Whose events its items are."""
        return f"poll:{self.workflow_id}:{self.trigger_id}"


_Column = Literal["cursor", "error"]

_PUT = command("polls", "put")
_RETIRE = command("polls", "retire")
_FOLLOW = command("polls", "follow")
_LIST = rows("polls", "list_polls", Poll)
_GET = rows("polls", "get", Poll)
_HURRY = command("polls", "hurry")
_FORGET = command("polls", "forget")
_FORGET_KEYS = command("polls", "forget_keys")
_TAKE = rows("polls", "take", Poll)
_NEXT_DUE = values("polls", "next_due", datetime)
_HOLD = values("polls", "hold", bool)
_NOTE_KEYS = values("polls", "note_keys", str)
_ANSWERED = command("polls", "answered")
_FAILED = command("polls", "failed")


async def bind(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, wanted: Sequence[Wanted]
) -> None:
    """Exactly these of the workflow ask; what the others knew stays, should they come back."""
    for one in wanted:
        await connection.count(
            _PUT,
            workspace_id=workspace_id,
            poll_id=new_uuid7(),
            workflow_id=workflow_id,
            trigger_id=one.trigger_id,
            every_s=one.every_s,
        )
    kept = [one.trigger_id for one in wanted]
    await connection.count(_RETIRE, workspace_id=workspace_id, workflow_id=workflow_id, kept=kept)


async def follow(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
    """The workflow was paused, goes on, or was deleted; its row says which."""
    await connection.count(_FOLLOW, workspace_id=workspace_id, workflow_id=workflow_id)


async def list_polls(
    connection: Connection,
    workspace_id: WorkspaceId,
    before: PollId | None,
    limit: int,
    workflow_id: WorkflowId | None = None,
) -> list[Poll]:
    """Newest first; cursors and errors as they are kept, for `opened`."""
    return await connection.all(
        _LIST, workspace_id=workspace_id, below=before or MAX_UUID, workflow_id=workflow_id, most=limit
    )


async def get(connection: Connection, workspace_id: WorkspaceId, poll_id: PollId) -> Poll | None:
    return await connection.maybe(_GET, workspace_id=workspace_id, poll_id=poll_id)


async def hurry(connection: Connection, poll: Poll) -> bool:
    """It asks now. False: its workflow is paused."""
    return await connection.count(_HURRY, workspace_id=poll.workspace_id, poll_id=poll.poll_id) > 0


async def forget(connection: Connection, poll: Poll, cursor: Json) -> None:
    """It begins anew from there, as if it had seen nothing."""
    await connection.count(
        _FORGET,
        workspace_id=poll.workspace_id,
        poll_id=poll.poll_id,
        cursor=await _closed(connection, poll, "cursor", cursor),
    )
    await connection.count(_FORGET_KEYS, workspace_id=poll.workspace_id, poll_id=poll.poll_id)


async def take(connection: Connection, limit: int, lease_s: float) -> list[Poll]:
    """Due ones, for nobody else during `lease_s`; cursors and errors as they are kept, for `opened`."""
    return await connection.all(_TAKE, most=limit, lease_s=lease_s)


async def next_due(connection: Connection) -> datetime | None:
    return await connection.maybe(_NEXT_DUE)


async def hold(connection: Connection, poll: Poll) -> bool:
    """Until the transaction's end. False: somebody else took it over, or it begins anew."""
    found = await connection.maybe(_HOLD, workspace_id=poll.workspace_id, poll_id=poll.poll_id, epoch=poll.lease_epoch)
    return found is True


async def note_keys(connection: Connection, poll: Poll, keys: Collection[str]) -> frozenset[str]:
    """Those of the keys that it saw for the first time. No key twice."""
    found = await connection.all(_NOTE_KEYS, workspace_id=poll.workspace_id, poll_id=poll.poll_id, keys=list(keys))
    return frozenset(found)


async def answered(connection: Connection, poll: Poll, cursor: Json) -> None:
    await connection.count(
        _ANSWERED,
        workspace_id=poll.workspace_id,
        poll_id=poll.poll_id,
        epoch=poll.lease_epoch,
        cursor=await _closed(connection, poll, "cursor", cursor),
    )


async def failed(connection: Connection, poll: Poll, error: Json, again_s: float) -> None:
    await connection.count(
        _FAILED,
        workspace_id=poll.workspace_id,
        poll_id=poll.poll_id,
        epoch=poll.lease_epoch,
        error=await _closed(connection, poll, "error", error),
        again_s=again_s,
    )


async def _closed(connection: Connection, poll: Poll, column: _Column, value: Json) -> str | None:
    seal = await log_seal.wanted(connection.seal, poll.workspace_id)
    return json_or_none(await log_seal.closed(seal, _place(poll, column), value))


async def opened(connection: Connection, poll: Poll) -> Poll:
    """With its cursor and its error as they are. Raises `UnreadableData`."""
    return replace(
        poll,
        cursor=await log_seal.opened(connection.seal, _place(poll, "cursor"), poll.cursor),
        error=await log_seal.opened(connection.seal, _place(poll, "error"), poll.error),
    )


def _place(poll: Poll, column: _Column) -> LogPlace:
    return LogPlace("polls", column, poll.workspace_id, str(poll.poll_id))
