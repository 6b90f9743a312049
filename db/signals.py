"""The outbox of wake-ups for executions: cancel, resume, a child's end.

What they tell stands in rows already. So losing one costs time, repeating one nothing, and a run that has no execution yet needs none: it
reads the rows when it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from db.connection import Connection
from db.ids import RunId, SignalId, WorkspaceId
from db.statements import command, rows

LEASE_S = 15.0


@dataclass(frozen=True, slots=True)
class Signal:
    """`path` is the waiting step's, for `resume` and `child`."""

    signal_id: SignalId
    run_id: RunId
    workspace_id: WorkspaceId
    kind: Literal["cancel", "resume", "child"]
    path: str | None
    child_run_id: RunId | None


_PENDING = rows("signals", "pending", Signal)
_DELIVERED = command("signals", "delivered")


async def pending(connection: Connection, limit: int, lease_s: float = LEASE_S) -> list[Signal]:
    """Wake-ups to deliver, for nobody else during `lease_s`; those not acknowledged by then come again."""
    found = await connection.all(_PENDING, most=limit, lease_s=lease_s)
    return sorted(found, key=lambda signal: signal.signal_id)


async def delivered(connection: Connection, signal_ids: Sequence[SignalId]) -> None:
    """Forget these."""
    await connection.count(_DELIVERED, signal_ids=list(signal_ids))
