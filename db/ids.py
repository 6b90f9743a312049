"""The identities of rows, each a type of its own, and the source of new ones.

UUIDv7 (RFC 9562): 48 bits of milliseconds since the epoch, twelve of the millisecond's parts, then chance. So ids of runs sort by
time, and the week of a run is read off its id.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

WorkspaceId = NewType("WorkspaceId", int)
UserId = NewType("UserId", int)
RunId = NewType("RunId", UUID)
WorkflowId = NewType("WorkflowId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
VariableId = NewType("VariableId", UUID)
EventId = NewType("EventId", UUID)
QueueId = NewType("QueueId", UUID)
ItemId = NewType("ItemId", UUID)
BatchId = NewType("BatchId", UUID)
FileId = NewType("FileId", UUID)
SignalId = NewType("SignalId", int)
ConnectionId = NewType("ConnectionId", UUID)
ProviderId = NewType("ProviderId", UUID)
ScheduleId = NewType("ScheduleId", UUID)
RouteId = NewType("RouteId", UUID)
PollId = NewType("PollId", UUID)
ConversationId = NewType("ConversationId", UUID)
TurnId = NewType("TurnId", UUID)
MessageId = NewType("MessageId", UUID)
ApprovalId = NewType("ApprovalId", UUID)

MAX_UUID = UUID(int=2**128 - 1)
MIN_UUID = UUID(int=0)


def new_uuid7() -> UUID:
    """A new UUIDv7 of this moment. Those of one process are in the order in which they were made, as long as the clock goes forward."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    # RFC 9562, 6.2, method 3: the first twelve bits after the milliseconds are a finer part of the time, of 244 ns.
    return uuid7_of(milliseconds, ((rest << 12) // 1_000_000).to_bytes(2, "big") + os.urandom(8))


def uuid7_of(milliseconds: int, chance: bytes) -> UUID:
    """The UUIDv7 of an instant (milliseconds since the epoch) and ten bytes of chance."""
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(chance, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def uuid7_floor(moment: datetime) -> UUID:
    """Not above any UUIDv7 of `moment` or later, above any of an earlier millisecond."""
    return UUID(int=(int(moment.timestamp() * 1000) & 0xFFFF_FFFF_FFFF) << 80)


def uuid7_time(value: UUID) -> datetime:
    """The instant that a UUIDv7 carries, to the millisecond."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
