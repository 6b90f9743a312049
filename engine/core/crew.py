"""Tasks that work at the same time, and who ended, in the order in which they ended.

The library's own tools for this won't do here: `wait` gives sets, whose order differs from one process to the next, and `timeout` reads a
clock. A crew is deterministic: tasks begin in the order of `spawn`, ends come in the order of the event loop's callbacks.

The crew also keeps the count of what is doing something (`Tally`). A crew that waits for its tasks does nothing
itself; when a task ends, its turn goes
over to the waiting crew in the same step, so that the count never touches zero between.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

T = TypeVar("T")


class Tally:
    """How many of a run's tasks do something. `tell` is called when the count comes to zero and when it leaves it."""

    __slots__ = ("_tell", "count", "watch")

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.count = 1
        self.watch: Callable[[], None] | None = None
        """Called after each change, while somebody wants to know."""
        self._tell = tell

    def add(self, change: int) -> None:
        before = self.count
        self.count += change
        if (before == 0) != (self.count == 0):
            self._tell(self.count)
        if self.watch is not None:
            self.watch()


class Crew(Generic[T]):
    """Tasks by key. Whoever makes one must `dismiss` it before leaving, also after an exception."""

    __slots__ = ("_ended", "_tally", "_tasks", "_waiter")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._tasks: dict[T, asyncio.Task[None]] = {}
        self._ended: deque[tuple[T, asyncio.Task[None]]] = deque()
        self._waiter: asyncio.Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether there is somebody to wait for."""
        return bool(self._tasks) or bool(self._ended)

    def __len__(self) -> int:
        return len(self._tasks) + len(self._ended)

    def spawn(self, key: T, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[key] = task
        self._tally.add(1)
        task.add_done_callback(lambda ended: self._end(key, ended))
        return task

    async def next(self) -> T:
        """The next that ended; raises what it raised."""
        key, task = await self._next()
        task.result()
        return key

    async def dismiss(self) -> None:
        """Cancels all, in the order in which they began, and waits until each has ended. What they end with is left aside.

        Cancelled meanwhile, it still waits for them, and then raises CancelledError: nobody is left behind.
        """
        if not self.busy or isinstance(sys.exception(), GeneratorExit):
            return  # thrown away with its event loop (a worker that stops): nothing can be awaited any more
        interrupted = False
        for task in list(self._tasks.values()):
            task.cancel()
        while self.busy:
            try:
                _, task = await self._next()
            except asyncio.CancelledError:
                interrupted = True
                continue
            if not task.cancelled():
                task.exception()
        if interrupted:
            raise asyncio.CancelledError

    async def _next(self) -> tuple[T, asyncio.Task[None]]:
        if not self._ended:
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            self._tally.add(-1)
            try:
                await waiter
            except asyncio.CancelledError:
                if not waiter.done() or waiter.cancelled():
                    self._tally.add(1)
                raise
            finally:
                self._waiter = None
        return self._ended.popleft()

    def _end(self, key: T, task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        self._ended.append((key, task))
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)  # the ended task's turn is the waiter's now
        else:
            self._tally.add(-1)
