"""A queue in memory whose takers serve the workspaces in turn, so that a burst of one doesn't hold up the others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Each workspace's items stay in order; of several workspaces each gives one, round and round."""

    def __init__(self) -> None:
        self._lines: OrderedDict[int, deque[T]] = OrderedDict()
        self._size = 0
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return self._size

    def put(self, workspace: int, item: T) -> None:
        self._lines.setdefault(workspace, deque()).append(item)
        self._size += 1
        self._filled.set()

    async def get(self) -> T:
        """The next item; safe for several takers, and nothing is lost when a taker is cancelled."""
        while not self._size:
            self._filled.clear()
            await self._filled.wait()
        workspace, line = self._lines.popitem(last=False)
        item = line.popleft()
        self._size -= 1
        if line:
            self._lines[workspace] = line
        return item

    def drain(self) -> list[T]:
        """All items at once, which are then gone from here."""
        items = [item for line in self._lines.values() for item in line]
        self._lines.clear()
        self._size = 0
        return items
