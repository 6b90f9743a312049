"""Mailboxes that triggers read, and how far. The table says what its columns mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from db.connection import Connection
from db.ids import RouteId, WorkflowId, WorkspaceId
from db.json import plain_text
from db.statements import command, rows, values

Afterwards = Literal["keep", "seen"]
MailboxState = Literal["new", "ok", "failing"]


@dataclass(frozen=True, slots=True)
class WantedMailbox:
    """As a version of the workflow has it. `every_s` in seconds."""

    connection: str
    mailbox: str
    every_s: float
    afterwards: Afterwards


@dataclass(frozen=True, slots=True)
class HowFar:
    """A mailbox was read: whose, as which numbers, up to which mail. `since`: what the server had before that day is passed over."""

    account: str
    uid_validity: int
    last_uid: int
    since: date | None = None


@dataclass(frozen=True, slots=True)
class HeldMailbox:
    """One that the caller reads, under that epoch. `uid_validity` None: it wasn't looked at before."""

    workspace_id: WorkspaceId
    route_id: RouteId
    connection: str
    mailbox: str
    every_s: float
    afterwards: Afterwards
    account: str | None
    uid_validity: int | None
    last_uid: int
    since: date | None
    failures: int
    looked_at: datetime | None
    lease_epoch: int


@dataclass(frozen=True, slots=True)
class Mailbox:
    route_id: RouteId
    connection: str
    mailbox: str
    every_s: float
    afterwards: Afterwards
    state: MailboxState
    reason: str | None
    looked_at: datetime | None
    next_at: datetime | None


_PUT = command("mailboxes", "put")
_RETIRE = command("mailboxes", "retire")
_FOLLOW = command("mailboxes", "follow")
_HURRY = command("mailboxes", "hurry")
_OF_ROUTES = rows("mailboxes", "of_routes", Mailbox)
_TAKE = rows("mailboxes", "take", HeldMailbox)
_NEXT_DUE = values("mailboxes", "next_due", datetime)
_KEEP = command("mailboxes", "keep")
_ADVANCE = command("mailboxes", "advance")
_LET_GO = command("mailboxes", "let_go")


async def put(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, trigger_id: str, wanted: WantedMailbox
) -> None:
    """The live version's trigger, whose route is there, reads it."""
    await connection.count(
        _PUT,
        workspace_id=workspace_id,
        workflow_id=workflow_id,
        trigger_id=trigger_id,
        connection=wanted.connection,
        mailbox=wanted.mailbox,
        every_s=wanted.every_s,
        afterwards=wanted.afterwards,
    )


async def retire(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId, kept: Sequence[str]
) -> None:
    """Its other triggers than these read none."""
    await connection.count(_RETIRE, workspace_id=workspace_id, workflow_id=workflow_id, kept=list(kept))


async def follow(connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId) -> None:
    """As its row says: an active workflow's mailboxes are looked at."""
    await connection.count(_FOLLOW, workspace_id=workspace_id, workflow_id=workflow_id)


async def hurry(connection: Connection, workspace_id: WorkspaceId, name: str) -> None:
    """The connection of that name is another one now."""
    await connection.count(_HURRY, workspace_id=workspace_id, connection=name)


async def of_routes(
    connection: Connection, workspace_id: WorkspaceId, routes: Sequence[RouteId]
) -> dict[RouteId, Mailbox]:
    found = await connection.all(_OF_ROUTES, workspace_id=workspace_id, route_ids=list(routes))
    return {one.route_id: one for one in found}


async def take(connection: Connection, most: int, lease_s: float) -> list[HeldMailbox]:
    """Some that are due, for the caller."""
    return await connection.all(_TAKE, most=most, lease_s=lease_s)


async def next_due(connection: Connection) -> datetime | None:
    return await connection.maybe(_NEXT_DUE)


async def keep(connection: Connection, held: HeldMailbox, lease_s: float) -> None:
    """For longer, if it is still the caller's."""
    await connection.count(
        _KEEP, workspace_id=held.workspace_id, route_id=held.route_id, epoch=held.lease_epoch, lease_s=lease_s
    )


async def advance(connection: Connection, held: HeldMailbox, far: HowFar) -> bool:
    """It was read as far as that. False: the caller doesn't hold it any more."""
    done = await connection.count(
        _ADVANCE,
        workspace_id=held.workspace_id,
        route_id=held.route_id,
        epoch=held.lease_epoch,
        account=far.account,
        uid_validity=far.uid_validity,
        last_uid=far.last_uid,
        since=far.since,
    )
    return done > 0


async def let_go(
    connection: Connection,
    held: HeldMailbox,
    state: MailboxState,
    reason: str | None,
    *,
    failures: int,
    after_s: float,
) -> bool:
    """False: the caller doesn't hold it any more."""
    done = await connection.count(
        _LET_GO,
        workspace_id=held.workspace_id,
        route_id=held.route_id,
        epoch=held.lease_epoch,
        state=state,
        reason=None if reason is None else plain_text(reason),
        failures=failures,
        after_s=after_s,
    )
    return done > 0
