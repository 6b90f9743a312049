"""The audit trail: who changed what, from where.

Rows are written by the database itself (see migrations/0017); here are notes, pages and retention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.connection import Connection
from db.ids import ApiKeyId, UserId, WorkspaceId
from db.json import Json, dumps
from db.statements import command, rows, values

KEPT_AT_LEAST_DAYS = 30
"""The database refuses to delete what is younger."""
_MANY = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """One line. The actor's columns are all None where nobody asked: Millstream itself did it.

    `before` and `after` hold what is different; of a secret, only that it is.
    """

    audit_id: UUID
    at: datetime
    user_id: UserId | None
    email: str | None
    api_key_id: ApiKeyId | None
    key_name: str | None
    action: str | None
    change: str
    kind: str
    object_id: str
    name: str | None
    before: Json
    after: Json
    ip: str | None
    forwarded_for: str | None
    user_agent: str | None
    request_id: str | None
    route: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """`object` is an id or a name; `who` an e-mail address, a user's id, a key's id or its name. None: any."""

    who: str | None = None
    kind: str | None = None
    object: str | None = None
    action: str | None = None
    change: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_NOTE = values("audit", "note", bool)
_PAGE = rows("audit", "page", Change)
_DELETE_OLD = command("audit", "delete_old")


async def note(
    connection: Connection,
    workspace_id: WorkspaceId,
    kind: str,
    object_id: object,
    name: str | None,
    change: str,
    *,
    before: Mapping[str, Json] | None = None,
    after: Mapping[str, Json] | None = None,
) -> bool:
    """Write down what was done in this transaction and leaves no row of its own. False, and nothing, where nobody acts."""
    return await connection.one(
        _NOTE,
        workspace_id=workspace_id,
        kind=kind,
        object_id=str(object_id),
        name=name,
        change=change,
        before=None if before is None else dumps({**before}),
        after=None if after is None else dumps({**after}),
    )


async def page(
    connection: Connection, workspace_id: WorkspaceId, wanted: Wanted, before: tuple[datetime, UUID] | None, limit: int
) -> list[Change]:
    """Newest first, older than `before`."""
    at, audit_id = (None, None) if before is None else before
    return await connection.all(
        _PAGE,
        workspace_id=workspace_id,
        before_at=at,
        before_id=audit_id,
        since=wanted.since,
        until=wanted.until,
        kind=wanted.kind,
        object=wanted.object,
        action=wanted.action,
        change=wanted.change,
        who=wanted.who,
        most=limit,
    )


async def delete_old(connection: Connection, days: int) -> int:
    """Delete some of what is older; gives how many lines went. The last month stays whatever `days` says."""
    return await connection.count(_DELETE_OLD, days=max(days, KEPT_AT_LEAST_DAYS), most=_MANY)
