"""What leaves the process towards Temporal is closed first: compressed, encrypted, and, when it is still large, left in PostgreSQL.

    value ── JSON ── Payload ── zlib (from 1 KiB on) ── AES-256-GCM (the workspace's data key) ── up to 64 KiB: into history
                                                                                             └─ over it: into `workflow_payloads`,
                                                                                                and only its address into history

- Everything in a history is closed, failures included (`payloads.py` moves their messages into payloads).
- A closed payload is bound to namespace and workflow id, so that it doesn't open in another run's history.
- Temporal's limits (2 MB a payload, 4 MB a message, 50 MB a history) are so met by any value that a run may hold. What is left in PostgreSQL
  belongs to the run and goes with it; Temporal's history never outlives it by meaning, since the run's row is gone too.
- Arguments of local activities stay in the process (`InProcess`): nothing is done to them.

PostgreSQL gone while something large must be opened or closed: the workflow task or activity fails and Temporal tries it again.

Which workspace owns a workflow: the start says it in its payloads, each process remembers it, and asks PostgreSQL when it doesn't know.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import Protocol

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from workspace.keys import Place, Vault

CLAIM_OVER = 64 * 1024
"""Bytes that a closed payload may have inside a history."""

IN_PROCESS = "in-process"
_ENCODING = b"binary/millstream"
_COMPRESS_FROM = 1024
_THREAD_FROM = 512 * 1024
_PLAIN, _ZLIB = b"\x00", b"\x01"


class Claims(Protocol):
    """Where payloads that are too large for a history lie. `run` is the workflow's id."""

    async def put(self, workspace_id: int, run: str, data: bytes) -> str:
        """The address; the same data of one run has one address."""
        ...

    async def get(self, workspace_id: int, run: str, address: str) -> bytes: ...


class Owners(Protocol):
    """Which workspace a workflow belongs to."""

    async def workspace_of(self, workflow_id: str) -> int:
        """Raises `LookupError` for a workflow that nobody owns."""
        ...

    def learn(self, workflow_id: str, workspace_id: int) -> None:
        """Remember what a payload said, to spare the question."""
        ...


class Unbound(Exception):
    """A payload without a workflow: nothing of ours is sent so."""


class SealingCodec(PayloadCodec, WithSerializationContext):
    """See the module's text. Bound to a workflow by `with_context`; the unbound one refuses to work."""

    def __init__(self, vault: Vault, claims: Claims, owners: Owners, bound_to: tuple[str, str] | None = None) -> None:
        self._vault = vault
        self._claims = claims
        self._owners = owners
        self._bound_to = bound_to

    def with_context(self, context: SerializationContext) -> SealingCodec:
        if not isinstance(context, (WorkflowSerializationContext, ActivitySerializationContext)):
            return self
        if context.workflow_id is None:
            return self
        return SealingCodec(self._vault, self._claims, self._owners, (context.namespace, context.workflow_id))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [payload if IN_PROCESS in payload.metadata else await self._close(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            await self._open(payload) if payload.metadata.get("encoding") == _ENCODING else payload
            for payload in payloads
        ]

    async def _close(self, payload: Payload) -> Payload:
        _, workflow_id = self._place_of_work()
        workspace_id = await self._owners.workspace_of(workflow_id)
        plain = payload.SerializeToString()
        if len(plain) >= _THREAD_FROM:
            plain = await asyncio.to_thread(_squeeze, plain)
        else:
            plain = _squeeze(plain)
        closed = await self._vault.encrypt(self._place(workspace_id), plain)
        metadata = {"encoding": _ENCODING, "workspace": str(workspace_id).encode()}
        if len(closed) > CLAIM_OVER:
            address = await self._claims.put(workspace_id, workflow_id, closed)
            return Payload(metadata={**metadata, "claim": address.encode()})
        return Payload(metadata=metadata, data=closed)

    async def _open(self, payload: Payload) -> Payload:
        _, workflow_id = self._place_of_work()
        workspace_id = int(payload.metadata["workspace"])
        closed = payload.data
        if "claim" in payload.metadata:
            closed = await self._claims.get(workspace_id, workflow_id, payload.metadata["claim"].decode())
        plain = await self._vault.decrypt(self._place(workspace_id), closed)
        self._owners.learn(workflow_id, workspace_id)  # only now is it known to be true
        if plain[:1] == _ZLIB:
            plain = await asyncio.to_thread(_unsqueeze, plain) if len(plain) >= _THREAD_FROM else _unsqueeze(plain)
            return Payload.FromString(plain)
        return Payload.FromString(plain[1:])

    def _place_of_work(self) -> tuple[str, str]:
        if self._bound_to is None:
            raise Unbound("a payload was sent without a workflow to bind it to")
        return self._bound_to

    def _place(self, workspace_id: int) -> Place:
        return Place("temporal", "payload", workspace_id, "/".join(self._place_of_work()))


def _squeeze(plain: bytes) -> bytes:
    if len(plain) < _COMPRESS_FROM:
        return _PLAIN + plain
    squeezed = zlib.compress(plain, 1)
    return _ZLIB + squeezed if len(squeezed) < len(plain) else _PLAIN + plain


def _unsqueeze(squeezed: bytes) -> bytes:
    return zlib.decompress(squeezed[1:])
