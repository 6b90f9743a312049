"""How often something may start: one exact history for each key, shared by all processes. The rule is in migration 0007.

Keys have name spaces: `step:` for throttles of steps, `hook:` for webhooks,
`connection:` for rate limits of connections. Different limits under one key look at the same history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from db.connection import Connection
from db.data import fitting_key
from db.ids import WorkspaceId
from db.statements import command, rows

Space = Literal["step", "hook", "connection"]
MOST_COUNT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Start:
    """`due` in seconds since the epoch, by the database's clock; `wait_s` seconds from now until then, 0 when it is now."""

    due: float
    wait_s: float


_TAKE = rows("rates", "take", Start)
_EXPIRED = command("rates", "expired")


async def take_start(
    connection: Connection,
    workspace_id: WorkspaceId,
    space: Space,
    key: str,
    count: int,
    per_s: float,
    *,
    reserve: bool,
) -> Start:
    """The next start under `key`, of at most `count` in any window of `per_s` seconds and behind all that were promised before.

    With `reserve` it is taken, also where it lies ahead; each call takes another one. Without, it is taken only when it is now.
    One statement: one commit on `single()`.
    """
    return await connection.one(
        _TAKE,
        workspace_id=workspace_id,
        key=f"{space}:{fitting_key(key)}",
        count=min(count, MOST_COUNT),
        per_s=per_s,
        reserve=reserve,
    )


async def delete_expired(connection: Connection, limit: int) -> int:
    """Let go of up to `limit` histories that hold nobody up any more; gives how many went."""
    return await connection.count(_EXPIRED, most=limit)
