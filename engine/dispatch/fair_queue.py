"""A queue in memory whose takers serve the workspaces in turn, and in each its workflows, so that a burst of one doesn't hold up the others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
_Lines: TypeAlias = "OrderedDict[Hashable, deque[T]]"


class FairQueue(Generic[T]):
    """Each workflow's items stay in order; of several workspaces each gives one, round and round, and so do the workflows of each."""

    def __init__(self) -> None:
        self._workspaces: OrderedDict[int, _Lines[T]] = OrderedDict()
        self._size = 0
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return self._size

    def put(self, workspace: int, workflow: Hashable, item: T) -> None:
        self._workspaces.setdefault(workspace, OrderedDict()).setdefault(workflow, deque()).append(item)
        self._size += 1
        self._filled.set()

    async def get(self) -> T:
        """The next item; safe for several takers, and nothing is lost when a taker is cancelled."""
        while not self._size:
            self._filled.clear()
            await self._filled.wait()
        workspace, lines = self._workspaces.popitem(last=False)
        workflow, line = lines.popitem(last=False)
        item = line.popleft()
        self._size -= 1
        if line:
            lines[workflow] = line
        if lines:
            self._workspaces[workspace] = lines
        return item

    def drain(self) -> list[T]:
        """All items at once, which are then gone from here."""
        items = [item for lines in self._workspaces.values() for line in lines.values() for item in line]
        self._workspaces.clear()
        self._size = 0
        return items
