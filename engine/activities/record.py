"""`record`: rows of pure steps, the run's state, and its end. Doing it twice changes nothing."""

from __future__ import annotations

from temporalio import activity

from engine import names
from engine.activities.exchange import answer, read
from engine.activities.host import Notices
from engine.activities.journal import Journal
from engine.activities.log import RunLog
from engine.hub import Kind
from engine.wire import load_end, obj


class Record:
    def __init__(self, log: RunLog, journal: Journal, notices: Notices) -> None:
        self._log = log
        self._journal = journal
        self._notices = notices

    @activity.defn(name=names.RECORD)
    async def record(self, given: object) -> object:
        request, argument = read(given)
        head = request.head
        stated = argument.get("end")
        end = None if stated is None else load_end(obj(stated))
        written = await self._log.write(head, request.rows, waiting=request.waiting, end=end)
        if end is None:
            self._notices.publish(head.workspace_id, head.run_id, Kind.CHANGED)
            return answer({}, written)
        self._journal.ended(head.run_id)
        self._notices.publish(head.workspace_id, head.run_id, Kind.ENDED)
        if head.child:
            self._notices.publish(head.workspace_id, head.run_id, Kind.SIGNAL)
        return answer({}, written)
