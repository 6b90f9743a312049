"""Data of runs in workspaces that keep it encrypted: closed where a row is written, opened where one is read, in this package alone.

A connection that the product uses carries a `LogSeal`, so nobody who reads rows of runs can forget to open them. What stands in a column:

    the value               as it is
    {"$sealed": …, "refs"}  closed for its table, column, workspace and row; refs: the payloads that it refers to, which the database's own
                            functions look for in the text
    {"$plain": value}       a value of a user's that looks like one of these two

So each value says which it is: a workspace may begin to encrypt, and cease, at any time. Large data beside a run is closed as bytes, in the
place of its content's hash; JSON never begins with the byte that a closed one begins with.

Without a seal (tools that look at rows) values are given as they stand.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from db.ids import WorkspaceId
from db.json import Json, dumps, loads

_SEALED, _PLAIN = "$sealed", "$plain"
_REF = {"$ref", "size", "type"}
_ADDRESS = re.compile("[0-9a-f]{32}")
_CLOSED_BYTES = 1
"""The first byte of what is closed."""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a value stands. `row` is the row's key as text."""

    table: str
    column: str
    workspace_id: WorkspaceId
    row: str


class UnreadableData(Exception):
    """Data of a run doesn't open."""


class LogSeal(Protocol):
    """How this process closes and opens data of runs."""

    async def wanted(self, workspace_id: WorkspaceId) -> bool:
        """Whether the workspace keeps data of runs encrypted."""
        ...

    async def close(self, place: LogPlace, plain: bytes) -> bytes: ...

    async def open(self, place: LogPlace, closed: bytes) -> bytes | None:
        """None: it was changed, moved from another place, or its key is gone."""
        ...


async def closed(seal: LogSeal | None, place: LogPlace, value: Json) -> Json:
    """`value` as its column keeps it; None for None. `seal` None: it isn't to be closed."""
    if value is None:
        return None
    if seal is None:
        return {_PLAIN: value} if isinstance(value, dict) and (_SEALED in value or _PLAIN in value) else value
    token = base64.b64encode(await seal.close(place, dumps(value).encode())).decode()
    refs: list[Json] = [*sorted(set(_refs(value)))]
    return {_SEALED: token, "refs": refs} if refs else {_SEALED: token}


async def opened(seal: LogSeal | None, place: LogPlace, kept: Json) -> Json:
    """What `closed` was given."""
    if seal is None or not isinstance(kept, dict):
        return kept
    if isinstance(token := kept.get(_SEALED), str):
        return loads(await opened_bytes(seal, place, base64.b64decode(token)))
    return kept[_PLAIN] if list(kept) == [_PLAIN] else kept


async def opened_copy(seal: LogSeal | None, place: LogPlace, kept: Json) -> Json:
    """Of a run's error that stands elsewhere, and may outlive the run and the key that closed it: then it says that."""
    try:
        return await opened(seal, place, kept)
    except UnreadableData:
        told = "The error was encrypted with a key that is gone."
        return {"code": "data.unreadable", "message": told, "step": None, "retryable": False, "details": {}}


async def opened_lines(seal: LogSeal | None, place: LogPlace, kept: Json) -> Json:
    """Of a list that grows in the database, and so may hold closed lists among its members."""
    if seal is None or not isinstance(kept, list):
        return kept
    lines: list[Json] = []
    for one in kept:
        if isinstance(one, dict) and _SEALED in one:
            inner = await opened(seal, place, one)
            lines.extend(inner if isinstance(inner, list) else [inner])
        else:
            lines.append(one)
    return lines


async def closed_lines(seal: LogSeal | None, place: LogPlace, lines: Json) -> Json:
    """As `closed`, for such a list: it stays one."""
    return lines if seal is None or lines is None else [await closed(seal, place, lines)]


async def closed_body(seal: LogSeal | None, workspace_id: WorkspaceId, ref: str, body: bytes) -> bytes:
    return body if seal is None else await seal.close(_payload(workspace_id, ref), body)


async def opened_body(seal: LogSeal | None, workspace_id: WorkspaceId, ref: str, body: bytes) -> bytes:
    return body if seal is None or not is_closed(body) else await opened_bytes(seal, _payload(workspace_id, ref), body)


async def opened_bytes(seal: LogSeal, place: LogPlace, closed_: bytes) -> bytes:
    """Of bytes that are closed. Raises `UnreadableData`."""
    plain = await seal.open(place, closed_)
    if plain is None:
        raise UnreadableData(f"data in {place.table}.{place.column} of {place.row} doesn't open")
    return plain


def is_closed(body: bytes) -> bool:
    return body[:1] == bytes((_CLOSED_BYTES,))


async def wanted(seal: LogSeal | None, workspace_id: WorkspaceId) -> LogSeal | None:
    """The seal, where the workspace's data is to be closed by it."""
    return seal if seal is not None and await seal.wanted(workspace_id) else None


def of_run(workspace_id: WorkspaceId, column: str, run_id: object) -> LogPlace:
    return LogPlace("workflow_runs", column, workspace_id, str(run_id))


def of_step(workspace_id: WorkspaceId, column: str, run_id: object, path: str, attempt: int) -> LogPlace:
    return LogPlace("workflow_execution_logs", column, workspace_id, f"{run_id}/{path}/{attempt}")


def _payload(workspace_id: WorkspaceId, ref: str) -> LogPlace:
    # Not of its run: the same content may be taken over by another one, and its hash says that it is the same.
    return LogPlace("workflow_payloads", "bytes", workspace_id, ref)


def _refs(value: Json) -> Iterator[str]:
    pending: list[Json] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            # Exactly what a reference is: whatever else has that key is a user's, and stays closed.
            if item.keys() == _REF and isinstance(ref := item["$ref"], str) and _ADDRESS.fullmatch(ref):
                yield ref
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
