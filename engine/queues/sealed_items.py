"""Items as they are stored: their data closed by the workspace's key, each in its own place, and counted by its size."""

from __future__ import annotations

from collections.abc import Sequence

from db.ids import ItemId, WorkspaceId, new_uuid7
from db.queue_items import Item, NewItem
from engine.expressions.values import Json
from modules.sdk.context import QueueItem
from modules.sdk.json_bytes import dumps, loads
from workspace.keys import Place, Vault

ITEM_LIMIT = 2**20
"""Bytes of one item's data as JSON."""
CALL_LIMIT = 10_000
"""Items of one call."""
KEY_LIMIT = 500
"""Characters of an ordering key."""
_AROUND = 300
"""Bytes that stand around an item's data in the run that it is handed to, about."""


class TooLargeItem(ValueError):
    """The data of the item at `index` is larger than `ITEM_LIMIT`."""

    def __init__(self, index: int, size: int) -> None:
        super().__init__(f"item {index} has {size:,} bytes; at most {ITEM_LIMIT:,} are allowed")
        self.index = index
        self.size = size


class SealedItems:
    """Over the vault that holds the workspaces' keys. Raises `Unreadable`, `WrongMasterKey`, `DatabaseUnavailable`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def seal(self, workspace_id: WorkspaceId, given: Sequence[QueueItem]) -> list[NewItem]:
        """Each with a new id, ascending: lists are by id. Raises `TooLargeItem`."""
        sealed: list[NewItem] = []
        for index, one in enumerate(given):
            data = dumps(one.data)
            if len(data) > ITEM_LIMIT:
                raise TooLargeItem(index, len(data))
            item_id = ItemId(new_uuid7())
            sealed.append(
                NewItem(
                    item_id=item_id,
                    data=await self._vault.encrypt(_place(workspace_id, item_id), data),
                    size=len(data) + _AROUND,
                    ordering_key=one.ordering_key,
                    dedupe_key=one.dedupe_key,
                    delay=one.delay,
                )
            )
        return sealed

    async def open(self, workspace_id: WorkspaceId, item: Item) -> Json:
        """The data of a stored item."""
        return loads(await self._vault.decrypt(_place(workspace_id, item.item_id), item.data))


def _place(workspace_id: WorkspaceId, item_id: ItemId) -> Place:
    return Place("app_queue", "data", int(workspace_id), str(item_id))
