"""Large data of runs, kept beside the rows that refer to it, under the hash of its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from db import log_seal
from db.connection import Connection
from db.data import ref_of
from db.ids import RunId, WorkspaceId
from db.statements import command, rows, values

Kind = Literal["data", "carrier"]
"""`data`: what people may read. `carrier`: the execution's own, encrypted; never shown."""


@dataclass(frozen=True, slots=True)
class StoredPayload:
    ref: str
    kind: Kind
    media_type: str
    body: bytes


_PUT = command("payloads", "put")
_GET = rows("payloads", "get", StoredPayload)
_COPY = command("payloads", "copy")
_CLOSED_ONES = values("payloads", "closed_ones", str)


async def put(
    connection: Connection,
    workspace_id: WorkspaceId,
    run_id: RunId,
    body: bytes,
    *,
    kind: Kind = "data",
    media_type: str = "application/json",
) -> str:
    """Keep `body` and give its address; the same bytes of one run have one address. One trip, one commit on `single()`."""
    ref = ref_of(body)
    if kind == "data":
        seal = await log_seal.wanted(connection.seal, workspace_id)
        body = await log_seal.closed_body(seal, workspace_id, ref, body)
    await connection.count(
        _PUT, workspace_id=workspace_id, run_id=run_id, ref=ref, kind=kind, media_type=media_type, body=body
    )
    return ref


async def get(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, ref: str) -> StoredPayload | None:
    """What lies at `ref` of that run; whoever shows it to people looks at its kind."""
    found = await connection.maybe(_GET, workspace_id=workspace_id, run_id=run_id, ref=ref)
    if found is None or found.kind != "data":
        return found
    return replace(found, body=await log_seal.opened_body(connection.seal, workspace_id, ref, found.body))


async def copy(
    connection: Connection, workspace_id: WorkspaceId, source: RunId, target: RunId, refs: Sequence[str]
) -> None:
    """Give `target` what a replay takes over of `source`, which may expire first."""
    whole = connection.seal is None
    await connection.count(
        _COPY, workspace_id=workspace_id, source=source, target=target, refs=list(refs), closed_too=whole
    )
    if whole:
        return
    # Closed anew, with the newest key: the other run, and then its key, may go first.
    for ref in await connection.all(_CLOSED_ONES, workspace_id=workspace_id, run_id=source, refs=list(refs)):
        found = await get(connection, workspace_id, source, ref)
        if found is not None:
            await put(connection, workspace_id, target, found.body, media_type=found.media_type)
