"""`read_resume`, `respond` and the child runs: facts that other processes write as rows, read and written from inside a run."""

from __future__ import annotations

from typing import Literal, Protocol

from temporalio import activity

from engine import names
from engine.activities.exchange import answer, read, write_rows
from engine.activities.host import Children, Head, Notices
from engine.activities.keyed_waits import KeyedWait
from engine.activities.log import RunLog
from engine.activities.starts import Ledger
from engine.activities.stored import INLINE, kept
from engine.core.effects import ChildEnd, ChildStart, Response
from engine.core.errors import Failed
from engine.expressions.values import Json, from_json, to_json
from engine.hub import Kind
from engine.wire import dump_error, obj, whole
from modules.sdk.json_bytes import dumps


class Facts(Ledger, Protocol):
    """Rows beside the log. Each function raises `DatabaseUnavailable`."""

    async def resume_body(self, head: Head, path: str) -> tuple[Json] | None:
        """What was posted for the event step at `path`, None if nothing was yet."""
        ...

    async def event_body(self, head: Head, wait: KeyedWait) -> tuple[Json] | None:
        """The same for a step that an event under its key may end too; it waits under the key from now on, unless it is the last look."""
        ...

    async def respond(self, head: Head, response: Response) -> bool:
        """Keep the answer for whoever waits for it; False when nobody does. The same answer again is True again."""
        ...

    async def child_end(self, head: Head, run_id: str) -> ChildEnd | None:
        """How the child ended; None while it goes on. Large output is kept in the parent's payloads."""
        ...


class Waits:
    def __init__(self, log: RunLog, facts: Facts, children: Children, notices: Notices) -> None:
        self._log = log
        self._facts = facts
        self._children = children
        self._notices = notices

    @activity.defn(name=names.READ_RESUME)
    async def read_resume(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        path, key = str(argument["path"]), argument.get("key")
        if isinstance(key, str):
            wait = KeyedWait(path, key, argument.get("schema"), last=argument.get("last") is True)
            posted = await self._facts.event_body(request.head, wait)
        else:
            posted = await self._facts.resume_body(request.head, path)
        if posted is None:
            return answer({"posted": False}, written)
        body = await kept(posted[0], dumps(posted[0]), self._log.payloads(request.head), INLINE)
        return answer({"posted": True, "body": to_json(body)}, written)

    @activity.defn(name=names.RESPOND)
    async def respond(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        reply = obj(argument["response"])
        headers = {name: str(value) for name, value in obj(reply["headers"]).items()}
        response = Response(whole(reply["status"]), headers, from_json(reply["body"]))
        delivered = await self._facts.respond(request.head, response)
        if delivered:
            self._notices.publish(request.head.workspace_id, request.head.run_id, Kind.CHANGED)
        return answer({"delivered": delivered}, written)

    @activity.defn(name=names.START_CHILD)
    async def start_child(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        asked = obj(argument["child"])
        version = asked["version"]
        child = ChildStart(
            path=str(asked["path"]),
            attempt=whole(asked["attempt"]),
            workflow=str(asked["workflow"]),
            version=version if isinstance(version, int) else "deployed",
            input=from_json(asked["input"]),
            key=str(asked["key"]),
            depth=whole(asked["depth"]),
            wait=asked["wait"] is True,
        )
        try:
            run_id = await self._children.start_child(request.head, child)
        except Failed as failed:
            return answer({"error": dump_error(failed.error)}, written)
        return answer({"run_id": run_id}, written)

    @activity.defn(name=names.READ_CHILD)
    async def read_child(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        end = await self._facts.child_end(request.head, str(argument["run_id"]))
        if end is None:
            return answer({"end": None}, written)
        return answer({"end": _end(end)}, written)

    @activity.defn(name=names.CANCEL_CHILD)
    async def cancel_child(self, given: object) -> object:
        request, argument = read(given)
        written = await write_rows(request, self._log, self._notices)
        await self._children.cancel_child(request.head, str(argument["run_id"]))
        return answer({}, written)


def _end(end: ChildEnd) -> Json:
    status: Literal["succeeded", "failed", "cancelled", "timed_out"] = end.status
    return {"status": status, "output": to_json(end.output), "error": dump_error(end.error)}
