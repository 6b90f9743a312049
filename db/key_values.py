"""Keys and values that workflows keep: read, and changed under the key's lock.

A change runs in one transaction: take the key's row (made if need be), look whether this operation was done before, decide, write, and keep the
answer under the operation. A repeat of the operation, even years of other writes later (within the time that answers are
kept), changes nothing and gets the first answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from db.connection import Connection
from db.data import fitting_key
from db.ids import WorkflowId, WorkspaceId
from db.json import Json, dumps
from db.statements import command, rows, values


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value. `version` grows by one with each write."""

    value: Json
    version: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Locked:
    """The key as it stands under its lock. `found` false: it has no value; `version` is then 0, or that of one that expired."""

    value: Json
    version: int
    found: bool


@dataclass(frozen=True, slots=True)
class Put:
    """Write this value, the next version; `ttl_s` None keeps it for ever."""

    value: Json
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """Let the key go."""


_GET = rows("key_values", "get", Entry)
_LOCK = rows("key_values", "lock", Locked)
_PUT = command("key_values", "put")
_REMOVE = command("key_values", "remove")
_ANSWERED = values("key_values", "answered", object)
_ANSWER = command("key_values", "answer")


async def get(
    connection: Connection, workspace_id: WorkspaceId, workflow_id: WorkflowId | None, key: str
) -> Entry | None:
    """The value of a key of the workspace (no workflow given) or of one workflow; None if there is none."""
    return await connection.maybe(_GET, workspace_id=workspace_id, scope=_scope(workflow_id), key=fitting_key(key))


async def change(
    connection: Connection,
    workspace_id: WorkspaceId,
    workflow_id: WorkflowId | None,
    key: str,
    operation: str,
    decide: Callable[[Locked], tuple[Put | Remove | None, Json]],
) -> Json:
    """Change one key by what `decide` makes of it: what to do, and the answer, which a repeat of `operation` gets again.

    Inside a transaction (`tenant` or `engine`), which holds the key until its end. What `decide` raises undoes everything.
    """
    place = {"workspace_id": workspace_id, "scope": _scope(workflow_id), "key": fitting_key(key)}
    operation = fitting_key(operation)
    locked = await connection.one(_LOCK, **place)
    # Under the key's lock, so that of two repeats at once the later one sees the answer.
    before = await connection.all(_ANSWERED, workspace_id=workspace_id, operation=operation)
    if before:
        if locked.version == 0:
            await connection.count(_REMOVE, **place)
        return _json(before[0])
    todo, answer = decide(locked)
    if isinstance(todo, Put):
        await connection.count(_PUT, value=dumps(todo.value), version=locked.version + 1, ttl_s=todo.ttl_s, **place)
    elif todo is not None or locked.version == 0:
        await connection.count(_REMOVE, **place)
    await connection.count(_ANSWER, workspace_id=workspace_id, operation=operation, answer=dumps(answer))
    return answer


def _scope(workflow_id: WorkflowId | None) -> str:
    return "" if workflow_id is None else str(workflow_id)


def _json(value: object) -> Json:
    """The column is JSON, which the driver has read."""
    return value  # pyright: ignore[reportReturnType]
