"""What OAuth providers gave: tokens, the lease to refresh them, and consents under way. The model heads the migration `connections`."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Connection as Db
from db.connections import Connection
from db.ids import ConnectionId, UserId, WorkspaceId
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that came to its end. `secret` is closed; not `in_time`: it counts for nothing."""

    workspace_id: WorkspaceId
    connection_id: ConnectionId
    secret: bytes
    in_time: bool


@dataclass(frozen=True, slots=True)
class NewTokens:
    """Closed tokens. Seconds from now.

    `expires_in` None: the provider doesn't say; `refresh_in` None: there is nothing to refresh by.
    """

    tokens: bytes
    expires_in: float | None
    refresh_in: float | None


_LEASE = values("connection_tokens", "lease", int)
_PUT_REFRESHED = command("connection_tokens", "put_refreshed")
_PUT_CONSENTED = command("connection_tokens", "put_consented")
_REFUSE = command("connection_tokens", "refuse")
_REST = command("connection_tokens", "rest")
_BEGIN_CONSENT = command("connection_tokens", "begin_consent")
_END_CONSENT = rows("connection_tokens", "end_consent", Consent)
_EXPIRED = command("connection_tokens", "expired")


async def lease(connection: Db, of: Connection, lease_s: float) -> int | None:
    """The lease's epoch; None: somebody else has it, it rests, or there are other tokens by now."""
    return await connection.maybe(
        _LEASE,
        workspace_id=of.workspace_id,
        connection_id=of.connection_id,
        token_version=of.token_version,
        lease_s=lease_s,
    )


async def put_refreshed(connection: Db, of: Connection, new: NewTokens) -> bool:
    """False: others were written meanwhile, or the connection was revoked; then `new` is nobody's."""
    return (
        await connection.count(
            _PUT_REFRESHED,
            workspace_id=of.workspace_id,
            connection_id=of.connection_id,
            token_version=of.token_version,
            tokens=new.tokens,
            expires_in=new.expires_in,
            refresh_in=new.refresh_in,
        )
        > 0
    )


async def put_consented(connection: Db, workspace_id: WorkspaceId, connection_id: ConnectionId, new: NewTokens) -> bool:
    """False: the connection is gone."""
    return (
        await connection.count(
            _PUT_CONSENTED,
            workspace_id=workspace_id,
            connection_id=connection_id,
            tokens=new.tokens,
            expires_in=new.expires_in,
            refresh_in=new.refresh_in,
        )
        > 0
    )


async def refuse(connection: Db, of: Connection, epoch: int, reason: str, *, forget: bool) -> bool:
    """The connection needs a person. `forget`: its tokens are worth nothing any more.

    False: it has changed since the lease was taken, and nothing was written.
    """
    return (
        await connection.count(
            _REFUSE,
            workspace_id=of.workspace_id,
            connection_id=of.connection_id,
            token_version=of.token_version,
            lease_epoch=epoch,
            reason=reason,
            forget=forget,
        )
        > 0
    )


async def rest(connection: Db, of: Connection, epoch: int, rest_s: float) -> None:
    """The lease is given back, and nobody gets it for `rest_s` seconds."""
    await connection.count(
        _REST, workspace_id=of.workspace_id, connection_id=of.connection_id, lease_epoch=epoch, rest_s=rest_s
    )


async def begin_consent(
    connection: Db,
    workspace_id: WorkspaceId,
    connection_id: ConnectionId,
    user_id: UserId | None,
    state_hash: bytes,
    secret: bytes,
    valid_s: float,
) -> None:
    await connection.count(
        _BEGIN_CONSENT,
        workspace_id=workspace_id,
        connection_id=connection_id,
        user_id=user_id,
        state_hash=state_hash,
        secret=secret,
        valid_s=valid_s,
    )


async def end_consent(connection: Db, state_hash: bytes) -> Consent | None:
    """Taken away by this call, so that it ends once; None: there is none. For `engine()`: nobody is known yet."""
    return await connection.maybe(_END_CONSENT, state_hash=state_hash)


async def delete_expired(connection: Db, limit: int) -> int:
    """Let go of up to `limit` consents that nobody ended in time; gives how many went."""
    return await connection.count(_EXPIRED, most=limit)
