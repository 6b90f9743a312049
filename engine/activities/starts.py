"""`take_start`: a throttled attempt asks for its turn. Asked twice it takes two starts, and one is wasted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from engine import names
from engine.activities.exchange import answer, read, write_rows
from engine.activities.host import Head, Notices
from engine.activities.log import RunLog
from engine.wire import number, whole


@dataclass(frozen=True, slots=True)
class Turn:
    """`due` in seconds since the epoch; `wait` seconds from now until then, 0 when the attempt may begin."""

    due: float
    wait: float


class Ledger(Protocol):
    """What counts starts, for all workers. Raises `DatabaseUnavailable`."""

    async def take_start(self, head: Head, key: str, count: int, per: float) -> Turn: ...

    async def take_turn_of(self, head: Head, connection: str) -> Turn:
        """By the limit that the workspace's connection of that name has now; at once where it has none, or isn't there."""
        ...


class Starts:
    def __init__(self, log: RunLog, ledger: Ledger, notices: Notices) -> None:
        self._log = log
        self._ledger = ledger
        self._notices = notices

    @activity.defn(name=names.TAKE_START)
    async def take_start(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        connection = argument.get("connection")
        if connection is not None:
            turn = await self._ledger.take_turn_of(request.head, str(connection))
        else:
            turn = await self._ledger.take_start(
                request.head, str(argument["key"]), whole(argument["count"]), number(argument["per"]) or 0.0
            )
        return answer({"due": turn.due, "wait": turn.wait}, written)
