"""Steps that wait under a key: entered, answered by an event that came before, and taken out again.

What an event's teller does is `engine/triggers/publishing.py`; both hold the key's lock. A body, once taken, stands where posted bodies do,
so a step that asks again gets it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from db import events, resumes
from db.connection import Connection
from db.ids import RunId, WorkspaceId
from engine.expressions.values import Json
from engine.input_check import check
from modules.sdk.json_bytes import dumps

_LOOKED_AT = 100
"""Kept events of one key that are held against a wait's schema."""


@dataclass(frozen=True, slots=True)
class KeyedWait:
    """`last`: the step's time is over, so it doesn't wait from now on."""

    path: str
    key: str
    schema: Json
    last: bool


async def take_or_wait(
    conn: Connection, workspace_id: WorkspaceId, run_id: RunId, wait: KeyedWait
) -> tuple[Json] | None:
    """The body that ends the wait; None when the step waits on, or has waited in vain. In a transaction of the caller's."""
    await events.lock_key(conn, workspace_id, wait.key)
    posted = await resumes.get(conn, workspace_id, run_id, wait.path)
    if posted is None:
        for one in await events.kept(conn, workspace_id, wait.key, _LOOKED_AT):
            if await fits(wait.schema, one.data, len(dumps(one.data))):
                await resumes.answer(conn, workspace_id, run_id, wait.path, one.data)
                await events.take_kept(conn, workspace_id, one.event_id)
                posted = await resumes.get(conn, workspace_id, run_id, wait.path)
                break
    if posted is not None or wait.last:
        await events.wait_no_more(conn, workspace_id, run_id, wait.path)
    else:
        await events.wait(conn, workspace_id, run_id, wait.path, wait.key, wait.schema)
    return None if posted is None else (posted.body,)


async def fits(schema: Json, data: Json, size: int) -> bool:
    """Whether a body is what the step waits for; without a schema everything is."""
    if schema is False:
        return False
    return not isinstance(schema, dict) or not await check(schema, data, size=size)
