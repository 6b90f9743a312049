"""The end of a turn: the answer's text as a whole, and how it ended, in one commit."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from temporalio import activity

from copilot import names
from db import copilot
from db.copilot import TurnStatus
from db.ids import TurnId, WorkspaceId
from db.json import Json
from db.pool import Database
from engine.hub import Hub

JsonObject = dict[str, Json]

STOPS = {
    "steps": "I stopped here: this took as many steps as one answer may have. Say “go on” if I should.",
    "calls": "I stopped here: this took as many tool calls as one answer may have. Say “go on” if I should.",
    "tokens": "I stopped here: this answer has used the tokens that one may use. Say “go on” if I should.",
    "money": "I stopped here: this answer has cost what one may cost. Say “go on” if I should.",
    "repeats": "I stopped here: the same call failed again and again in the same way. The last tool result says how.",
    "length": "The model's answer was cut off at its limit of length.",
}


class Finisher:
    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub

    @activity.defn(name=names.FINISH)
    async def finish(self, given: object) -> None:
        """`{workspace_id, turn_id, status, stop, error}`. A turn that has ended stays as it is."""
        told = cast("JsonObject", given)
        workspace_id, turn_id = WorkspaceId(int(cast("int", told["workspace_id"]))), TurnId(UUID(str(told["turn_id"])))
        status = cast("TurnStatus", told["status"])
        async with self._db.engine(workspace_id) as conn:
            turn = await copilot.hold_turn(conn, workspace_id, turn_id)
            if turn is None or turn.status != "in_progress":
                return
            steps = await copilot.steps(conn, workspace_id, turn.conversation_id)
            texts = [one.text for one in steps if one.turn_id == turn_id and one.text]
            stop = told["stop"]
            note = STOPS.get(stop) if isinstance(stop, str) else None
            facts: list[Json] = []
            if note is not None:
                texts.append(note)
                facts.append({"kind": "text", "message_id": f"{turn.answer_id}:stop", "text": note})
            error = told["error"]
            if status == "failed" and isinstance(error, dict):
                texts.append(str(error["message"]))
            calls = await copilot.tool_calls(conn, workspace_id, turn.conversation_id)
            widget, options = _asked([one for one in calls if one.turn_id == turn_id and one.ends])
            facts.append({"kind": "turn_ended", "status": status, "stop": stop, "error": error})
            await copilot.end_turn(conn, workspace_id, turn_id, status, error)
            await copilot.end_message(conn, workspace_id, turn.answer_id, "\n\n".join(texts), status, widget, options)
            await copilot.tell(conn, workspace_id, turn.conversation_id, turn_id, facts)
        self._hub.publish(int(workspace_id), str(turn.conversation_id))


def _asked(calls: list[copilot.ToolCall]) -> tuple[Json, Json]:
    """What is shown beside the text: the fact of the call that ended the turn, and the answers to choose from."""
    if not calls:
        return None, None
    fact = calls[-1].fact
    return fact, fact.get("options") if isinstance(fact, dict) else None
