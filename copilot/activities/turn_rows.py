"""What the rows say of a turn and its conversation, put together as the model is given it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import cast

from copilot.core.history import PastCall, PastStep, PastTurn
from db import copilot, copilot_approvals
from db.connection import Connection
from db.copilot import Conversation, ToolCall, Turn, TurnStep
from db.copilot_approvals import Approval
from db.ids import ConversationId, TurnId, WorkspaceId
from db.json import Json
from modules.sdk.json_bytes import dumps

_PAGE = 10_000
_APPROVALS = 100
_CANCELLED = "The person stopped this turn."


@dataclass(frozen=True, slots=True)
class Talk:
    """A turn that is under way, with all that came before it. `steps` and `calls` are this turn's."""

    turn: Turn
    conversation: Conversation
    past: tuple[PastTurn, ...]
    steps: dict[int, TurnStep]
    calls: dict[tuple[int, int], ToolCall]


class TurnOver(Exception):
    """The turn has ended, or was deleted: nothing is to be done for it."""


async def read_talk(conn: Connection, workspace_id: WorkspaceId, turn_id: TurnId) -> Talk:
    """Raises `TurnOver`."""
    turn = await copilot.turn(conn, workspace_id, turn_id)
    if turn is None or turn.status != "in_progress":
        raise TurnOver(str(turn_id))
    conversation = await copilot.get(conn, workspace_id, turn.conversation_id)
    if conversation is None:
        raise TurnOver(str(turn_id))
    steps = await copilot.steps(conn, workspace_id, turn.conversation_id)
    calls = await copilot.tool_calls(conn, workspace_id, turn.conversation_id)
    return Talk(
        turn,
        conversation,
        tuple(await _past(conn, workspace_id, turn.conversation_id, steps, calls)),
        {one.step: one for one in steps if one.turn_id == turn_id},
        {(one.step, one.position): one for one in calls if one.turn_id == turn_id},
    )


async def _past(
    conn: Connection,
    workspace_id: WorkspaceId,
    conversation_id: ConversationId,
    steps: list[TurnStep],
    calls: list[ToolCall],
) -> list[PastTurn]:
    made = {(one.turn_id, one.step, one.position): one for one in calls}
    said: dict[TurnId, list[PastStep]] = defaultdict(list)
    for step in steps:
        said[step.turn_id].append(_step(step, made))
    found: list[PastTurn] = []
    for message in await copilot.messages(conn, workspace_id, conversation_id, None, _PAGE):
        if message.role == "user":
            turn = PastTurn(str(message.turn_id), message.content, tuple(said[message.turn_id]))
            found.append(turn)
        elif found and message.status == "cancelled":
            found[-1] = replace(found[-1], note=_CANCELLED)
    decided = await copilot_approvals.list_approvals(conn, workspace_id, conversation_id, _APPROVALS)
    told = {str(one.turn_id): _decision(one) for one in decided}
    return [replace(turn, note=told.get(turn.turn_id, turn.note)) for turn in found]


def _decision(approval: Approval) -> str:
    """What became of it, for the model."""
    what = f"{approval.action} of {approval.workflow}"
    match approval.status:
        case "open":
            return f"The person hasn't decided on the {what} yet."
        case "void":
            return f"The {what} that was asked for here counts no more: something newer was asked for."
        case "refused":
            why = "" if approval.reason is None else f" and said: {approval.reason}"
            return f"The person refused the {what}{why}"
        case "approved":
            return f"The person approved the {what}; it is being done."
        case "done" | "failed":
            result = dumps(approval.result).decode("utf-8", "replace")
            return f"The person approved the {what}: {approval.status}, {result}"


def _step(step: TurnStep, made: dict[tuple[TurnId, int, int], ToolCall]) -> PastStep:
    asked: list[PastCall] = []
    for position, one in enumerate(calls_of(step)):
        result = made.get((step.turn_id, step.step, position))
        content: Json = None if result is None else result.content
        asked.append(PastCall(one["id"], one["name"], one["arguments"], content, result is not None))
    return PastStep(step.text, tuple(asked))


def calls_of(step: TurnStep) -> list[dict[str, str]]:
    """What the model asked for: `[{id, name, arguments}]`."""
    return cast("list[dict[str, str]]", step.calls)
