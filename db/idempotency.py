"""Idempotency keys of API writes: the same request again gets the first one's answer, for 24 hours.

A key is taken before the work and answered after it. A process that dies in between leaves a key without an answer: the same request may take
it over after a minute.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from db.connection import Connection
from db.data import fitting_key, json_or_none
from db.ids import WorkspaceId
from db.json import Json
from db.statements import command, rows, values

KEPT_S = 24 * 3600.0
ABANDONED_S = 60.0


@dataclass(frozen=True, slots=True)
class Earlier:
    """The key was used: the earlier request's answer."""

    status: int
    answer: Json


@dataclass(frozen=True, slots=True)
class _Row:
    route: str
    body_hash: bytes
    status: int | None
    answer: Json


_BEGIN = values("idempotency", "begin", bool)
_GET = rows("idempotency", "get", _Row)
_FINISH = command("idempotency", "finish")
_FORGET = command("idempotency", "forget")


async def begin(
    connection: Connection, workspace_id: WorkspaceId, key: str, route: str, body: bytes
) -> Literal["fresh", "mismatch", "at_work"] | Earlier:
    """Take `key` for this request. Commit before the work begins.

    `fresh`: do the work, then `finish` or `forget`; `mismatch`: the key was used with another request; `at_work`: the same
    request is being served elsewhere.
    """
    key = fitting_key(key)
    body_hash = hashlib.sha256(body).digest()
    given = {"workspace_id": workspace_id, "key": key}
    for _ in range(2):
        taken = await connection.maybe(
            _BEGIN, route=route, body_hash=body_hash, kept_s=KEPT_S, abandoned_s=ABANDONED_S, **given
        )
        if taken is not None:
            return "fresh"
        found = await connection.maybe(_GET, **given)
        if found is None:
            # Forgotten in between; it is free now.
            continue
        if found.route != route or found.body_hash != body_hash:
            return "mismatch"
        return "at_work" if found.status is None else Earlier(found.status, found.answer)
    return "at_work"


async def finish(connection: Connection, workspace_id: WorkspaceId, key: str, status: int, answer: Json) -> None:
    """Keep the answer for whoever asks again."""
    await connection.count(
        _FINISH, workspace_id=workspace_id, key=fitting_key(key), status=status, answer=json_or_none(answer)
    )


async def forget(connection: Connection, workspace_id: WorkspaceId, key: str) -> None:
    """Nothing was changed: the key may be used again."""
    await connection.count(_FORGET, workspace_id=workspace_id, key=fitting_key(key))
