"""Data of runs that is read again: what stands as references is brought back, whole or as far as it is not too large to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from db import payloads
from db.connection import Connection
from db.ids import RunId, WorkspaceId
from db.pool import Database
from db.run_rows import RunRow
from engine.activities.host import Head
from engine.activities.run_log import RunPayloads
from engine.activities.stored import IN_LOG, whole
from engine.expressions.values import Json, Ref, Value, from_json, refs_in
from modules.sdk.json_bytes import loads

MOST_SHOWN = 4 * 2**20
"""Bytes that one answer fills in; what is beyond stays a reference, which can be read by itself."""


async def whole_value(db: Database, run: RunRow, value: Json) -> Json:
    """`value` of that run's header or log, with its references filled in. Raises `DatabaseUnavailable`."""
    head = Head(str(run.run_id), run.workspace_id, str(run.workflow_id), run.queued_at.timestamp())
    return await whole(from_json(value), RunPayloads(db, head))


async def shown(conn: Connection, workspace_id: WorkspaceId, run_id: RunId, values: Sequence[Json]) -> list[Json]:
    """The values as people see them: runs pass on anything over 32 KiB by reference, but only what is over 256 KiB is shown so."""
    known: dict[str, Json] = {}
    room = MOST_SHOWN
    parsed = [from_json(value) for value in values]
    for ref in (ref for value in parsed for ref in refs_in(value)):
        if ref.ref in known or ref.size > min(IN_LOG, room):
            continue
        found = await payloads.get(conn, workspace_id, run_id, ref.ref)
        if found is not None and found.kind == "data":
            known[ref.ref] = loads(found.body)
            room -= len(found.body)
    return [_filled(value, known) for value in parsed] if known else list(values)


def _filled(value: Value, known: Mapping[str, Json]) -> Json:
    if isinstance(value, Ref):
        return known.get(value.ref, {"$ref": value.ref, "size": value.size, "type": value.type})
    if isinstance(value, dict):
        return {key: _filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    return value
