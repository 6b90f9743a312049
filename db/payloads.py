"""Large data of runs, kept beside the rows that refer to it, under the hash of its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from db.connection import Connection
from db.data import ref_of
from db.ids import RunId, WorkspaceId
from db.statements import command, rows

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
    await connection.count(
        _PUT, workspace_id=workspace_id, run_id=run_id, ref=ref, kind=kind, media_type=media_type, body=body
    )
    return ref


async def get(connection: Connection, workspace_id: WorkspaceId, run_id: RunId, ref: str) -> StoredPayload | None:
    """What lies at `ref` of that run; whoever shows it to people looks at its kind."""
    return await connection.maybe(_GET, workspace_id=workspace_id, run_id=run_id, ref=ref)


async def copy(
    connection: Connection, workspace_id: WorkspaceId, source: RunId, target: RunId, refs: Sequence[str]
) -> None:
    """Give `target` what a replay takes over of `source`, which may expire first."""
    await connection.count(_COPY, workspace_id=workspace_id, source=source, target=target, refs=list(refs))
