"""One tool call of a turn: made once, whoever dies, and its result kept before the model hears of it.

A tool may have done its work when the process dies before the result is kept. Reading again is harmless; what writes is known again by the
turn and the call (`Place.mark`), and an edit compares the draft's revision.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import cast
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from copilot import names
from copilot.activities.beating import beating
from copilot.activities.turn_rows import Talk, TurnOver, calls_of, read_talk
from copilot.approvals import put_approval
from copilot.people import loaded
from copilot.tools.kit import Kit
from copilot.tools.registry import Tools
from copilot.tools.tool import Answer, Place
from db import copilot
from db.connection import Connection
from db.copilot import ToolCall
from db.errors import DatabaseUnavailable
from db.ids import TurnId, WorkspaceId
from db.json import Json
from db.pool import Database
from engine.hub import Hub
from engine.problems import Problem, Unavailable
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

log = logging.getLogger("millstream.copilot")

LARGEST = 60_000
"""Bytes of a result that goes to the model."""
_SHOWN = 4_000
"""Characters of arguments that watchers are told."""


class ToolUser:
    def __init__(self, db: Database, hub: Hub, kit: Kit, tools: Tools) -> None:
        self._db = db
        self._hub = hub
        self._kit = kit
        self._tools = tools

    @activity.defn(name=names.USE_TOOL)
    async def use_tool(self, given: object) -> JsonObject:
        """`{workspace_id, turn_id, step, position}` → `{failure, ends}`."""
        told = cast("JsonObject", given)
        workspace_id, turn_id = WorkspaceId(int(cast("int", told["workspace_id"]))), TurnId(UUID(str(told["turn_id"])))
        step, position = int(cast("int", told["step"])), int(cast("int", told["position"]))
        async with beating():
            try:
                async with self._db.engine(workspace_id) as conn:
                    talk = await read_talk(conn, workspace_id, turn_id)
                if talk.turn.cancel_requested_at is not None:
                    raise asyncio.CancelledError
                asked = calls_of(talk.steps[step])[position]
                known = talk.calls.get((step, position))
                call = known or await self._make(talk, step, position, asked)
            except TurnOver:
                raise ApplicationError("The turn has ended.", type="turn.over", non_retryable=True) from None
            except (DatabaseUnavailable, Unavailable) as error:
                raise ApplicationError(str(error), type="database.unavailable") from error
        return {"failure": _signature(call, asked["arguments"]), "ends": call.ends}

    async def _make(self, talk: Talk, step: int, position: int, asked: dict[str, str]) -> ToolCall:
        turn = talk.turn
        call_id = f"{step}.{position}"
        one = talk.conversation
        place = Place(turn.conversation_id, turn.turn_id, call_id, one.workflow, one.run_id)
        started: JsonObject = {
            "kind": "tool_started",
            "call_id": f"{turn.turn_id}:{call_id}",
            "name": asked["name"],
            "arguments": asked["arguments"][:_SHOWN],
            "message_id": f"{turn.answer_id}:{step}",
        }
        asker = loaded(turn.workspace_id, turn.asker)
        try:
            answer = await self._tools.call(self._kit, asker, place, asked["name"], asked["arguments"])
        except (DatabaseUnavailable, Unavailable):
            raise
        except Problem as problem:
            # What the tool did not foresee, the engine did.
            answer = Answer({"error": problem.code, "message": problem.detail}, error=problem.code)
        except Exception:
            log.exception("the tool %r failed", asked["name"])
            answer = Answer(
                {"error": "tool.failed", "message": "The tool failed: a fault of Millstream's, not of what was asked."},
                error="tool.failed",
            )
        return await self._keep(talk, step, position, asked["name"], started, answer)

    async def _keep(
        self, talk: Talk, step: int, position: int, name: str, started: JsonObject, answer: Answer
    ) -> ToolCall:
        turn = talk.turn
        content = _bounded(answer.content)
        ends = answer.approval is not None or answer.question is not None
        call = ToolCall(turn.turn_id, step, position, name, content, answer.fact, answer.error, ends)
        facts: list[Json] = [
            started,
            {
                "kind": "tool_done",
                "call_id": started["call_id"],
                "content": dumps(content)[:_SHOWN].decode("utf-8", "replace"),
                "fact": answer.fact,
                "error": answer.error,
            },
        ]
        async with self._db.engine(turn.workspace_id) as conn:
            held = await copilot.hold_turn(conn, turn.workspace_id, turn.turn_id)
            if held is None or held.status != "in_progress":
                raise TurnOver(str(turn.turn_id))
            if await copilot.put_tool_call(conn, turn.workspace_id, call):
                facts += await self._asked(conn, talk, answer)
                await copilot.tell(conn, turn.workspace_id, turn.conversation_id, turn.turn_id, facts)
        self._hub.publish(int(turn.workspace_id), str(turn.conversation_id))
        return call

    async def _asked(self, conn: Connection, talk: Talk, answer: Answer) -> list[Json]:
        """What a person is to decide or say."""
        if answer.approval is not None:
            shown = await put_approval(conn, talk.turn, answer.approval)
            return [{"kind": "asked", "name": "approval", "value": shown}]
        if answer.question is not None:
            return [{"kind": "asked", "name": "question", "value": answer.question}]
        return []


def _bounded(content: Json) -> Json:
    size = len(dumps(content))
    if size <= LARGEST:
        return content
    return {
        "error": "too_large",
        "message": f"The result has {size:,} bytes, and {LARGEST:,} at most are read. Ask for less: a filter, a page, one step.",
    }


def _signature(call: ToolCall, arguments: str) -> str | None:
    """The same where the same call fails in the same way."""
    if call.error is None:
        return None
    return f"{call.name} {call.error} {hashlib.sha256(arguments.encode('utf-8', 'replace')).hexdigest()[:16]}"
