"""Items that a step adds to a queue: sealed while the module runs, added in the transaction that writes the step's row.

So a step whose row stands has added its items, and one whose row was lost has added none, however often it is tried. The step's idempotency
key is kept beside them: an attempt at the same batch, or a replay with the same keys, adds nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from db import app_queues, queue_items
from db.connection import Connection
from db.ids import QueueId, WorkspaceId
from db.queue_items import NewItem
from engine.activities.host import Notices
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.hub import Kind
from engine.queues.sealed_items import SealedItems, TooLargeItem
from modules.sdk.context import QueueItem, Queues
from modules.sdk.verdicts import Rejected


def queues_over(sealed: SealedItems) -> Callable[[int], Queues]:
    """Gives a workspace's queues, by its id."""
    return lambda workspace_id: WorkspaceQueues(WorkspaceId(workspace_id), sealed)


@dataclass(frozen=True, slots=True)
class WorkspaceQueues:
    """Implements `modules.sdk.context.Queues`."""

    workspace_id: WorkspaceId
    sealed: SealedItems

    async def stage(self, queue: str, items: Sequence[QueueItem], *, operation: str) -> StagedItems:
        try:
            sealed = await self.sealed.seal(self.workspace_id, items)
        except TooLargeItem as error:
            raise Rejected(
                "payload.too_large", f"{error} for the queue {queue!r}", details={"index": error.index}
            ) from None
        return StagedItems(self.workspace_id, queue, sealed, operation)


@dataclass(slots=True)
class StagedItems:
    """Implements `Deed`."""

    workspace_id: WorkspaceId
    queue: str
    items: Sequence[NewItem]
    operation: str
    _reached: list[QueueId] = field(default_factory=list[QueueId])

    @property
    def what(self) -> str:
        return f"add {len(self.items)} items to the queue {self.queue!r}"

    async def do(self, connection: Connection) -> Json:
        found = await app_queues.find(connection, self.workspace_id, self.queue)
        if found is None:
            known = [queue.name for queue in await app_queues.consumers(connection, self.workspace_id)]
            hint = suggestion(self.queue, known)
            raise Rejected("queue.unknown", f"The workspace has no queue {self.queue!r}.{hint}")
        done = await queue_items.enqueue(connection, self.workspace_id, found.queue_id, self.items, self.operation)
        if done.outcome == "queue_missing":
            raise Rejected("queue.unknown", f"The queue {self.queue!r} was deleted.")
        if done.outcome == "delay_with_keys":
            raise Rejected(
                "queue.delay_with_keys",
                f"The queue {self.queue!r} keeps the order of each key, so its items can't be delayed.",
            )
        self._reached.append(found.queue_id)
        return {"enqueued": done.accepted, "duplicates": done.duplicates}

    def tell(self, notices: Notices) -> None:
        for queue_id in self._reached:
            notices.publish(int(self.workspace_id), str(queue_id), Kind.ITEMS)
