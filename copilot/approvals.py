"""What only a person decides: a change set or a deed that the copilot asks for, bound to exactly what they were shown.

    open ──► refused                 the person said no, and why if they like
         ──► approved ──► done       it was carried out, by the one who approved, with their own role
                     └──► failed     the engine refused it; the reason is kept
         ──► void                    another one that asks for the same took its place

`content_hash` is that of what is to be done: of the draft's document for `deploy`. It must be given with the decision, and what stands there at
that moment must still have it; so nothing is ever deployed that nobody saw. A decision is made once: whoever comes second is told.

The decision is one commit, the deed another. A process that dies between them leaves `approved`, and the same decision sent again carries it
out: deploying the same document twice is one version, and a replay has the approval's id as its key.
"""

from __future__ import annotations

from typing import Literal, cast
from uuid import UUID

from copilot.conversations import Speaker
from copilot.deeds import Deeds
from copilot.tools.tool import Wanted
from db import copilot, copilot_approvals
from db.connection import Connection
from db.copilot import Turn
from db.copilot_approvals import Approval
from db.ids import ApprovalId, WorkspaceId, new_uuid7
from db.json import Json
from db.pool import Database
from engine.problems import Conflict, Invalid, NotFound, Problem
from engine.runs.reading import acting
from engine.runs.request_body import object_of
from engine.views import moment

JsonObject = dict[str, Json]

_LONGEST_REASON = 2_000
_KEYS = ("decision", "content_hash", "parts", "reason")


async def put_approval(conn: Connection, turn: Turn, wanted: Wanted) -> JsonObject:
    """Asks for it; gives what watchers are told."""
    approval_id = ApprovalId(new_uuid7())
    await copilot_approvals.put(
        conn,
        (turn.workspace_id, turn.conversation_id, turn.turn_id),
        approval_id,
        wanted.action,
        wanted.workflow,
        wanted.content_hash,
        wanted.change_set,
    )
    return {
        "approval_id": str(approval_id),
        "action": wanted.action,
        "workflow": wanted.workflow,
        "content_hash": wanted.content_hash,
        "change_set": wanted.change_set,
    }


class Approvals:
    def __init__(self, db: Database, deeds: Deeds) -> None:
        self._db = db
        self._deeds = deeds

    async def get(self, speaker: Speaker, approval_id: str) -> JsonObject:
        """Raises `NotFound`: also where another person was asked."""
        async with acting(self._db, speaker.asker.workspace_id) as conn:
            return view(await self._find(conn, speaker, approval_id))

    async def list_approvals(self, speaker: Speaker, conversation_id: UUID, limit: int) -> list[Json]:
        """Of a conversation of this person, newest first."""
        async with acting(self._db, speaker.asker.workspace_id) as conn:
            found = await copilot_approvals.list_approvals(
                conn, speaker.asker.workspace_id, copilot.ConversationId(conversation_id), limit
            )
        return [view(one) for one in found]

    async def decide(self, speaker: Speaker, approval_id: str, body: Json) -> JsonObject:
        """`{decision: approve | refuse, content_hash, parts?, reason?}`.

        Raises `Invalid`, `NotFound`, `Conflict`: `approval.moved` (the hash is another one than was shown, or than what stands there now),
        `approval.decided`; and what the deed itself is refused with.
        """
        given = object_of(body, _KEYS)
        decision, reason, parts = _decision(given), _reason(given), _parts(given)
        async with acting(self._db, speaker.asker.workspace_id) as conn:
            approval = await self._find(conn, speaker, approval_id, hold=True)
            _check(approval, given.get("content_hash"), decision)
            if approval.status == "open":
                if decision == "approved":
                    await self._deeds.check(speaker.asker, approval, parts)
                by: JsonObject = {"name": speaker.asker.name, "user_id": speaker.asker.user_id}
                await copilot_approvals.decide(
                    conn, approval, decision, by, None if parts is None else [*parts], reason
                )
        if decision == "approved":
            await self._carry_out(speaker, approval, parts)
        return await self.get(speaker, approval_id)

    async def _carry_out(self, speaker: Speaker, approval: Approval, parts: list[str] | None) -> None:
        try:
            result = await self._deeds.do(speaker.asker, approval, parts)
        except Problem as problem:
            if problem.status >= 500:
                raise  # nothing is known of it: the same decision may be sent again
            await self._settle(speaker.asker.workspace_id, approval, "failed", _told(problem))
            raise
        await self._settle(speaker.asker.workspace_id, approval, "done", result)

    async def _settle(
        self, workspace_id: WorkspaceId, approval: Approval, status: Literal["done", "failed"], result: JsonObject
    ) -> None:
        async with acting(self._db, workspace_id) as conn:
            await copilot_approvals.settle(conn, approval, status, result)

    async def _find(self, conn: Connection, speaker: Speaker, approval_id: str, *, hold: bool = False) -> Approval:
        workspace_id = speaker.asker.workspace_id
        found = None
        try:
            parsed = ApprovalId(UUID(approval_id))
        except ValueError:
            parsed = None
        if parsed is not None:
            read = copilot_approvals.hold if hold else copilot_approvals.get
            found = await read(conn, workspace_id, parsed)
        if found is not None:
            conversation = await copilot.get(conn, workspace_id, found.conversation_id)
            if conversation is not None and conversation.asker == speaker.key:
                return found
        raise NotFound("approval", approval_id)


def view(one: Approval) -> JsonObject:
    """As the API gives it."""
    return {
        "approval_id": str(one.approval_id),
        "conversation_id": str(one.conversation_id),
        "turn_id": str(one.turn_id),
        "action": one.action,
        "workflow": one.workflow,
        "content_hash": one.content_hash,
        "change_set": one.change_set,
        "status": one.status,
        "created_at": moment(one.created_at),
        "decided_at": moment(one.decided_at),
        "parts": one.parts,
        "reason": one.reason,
        "result": one.result,
    }


def _check(approval: Approval, content_hash: Json, decision: str) -> None:
    if content_hash != approval.content_hash:
        raise Conflict("approval.moved", "This is not what was asked for: `content_hash` is another one.")
    if approval.status == "void":
        raise Conflict("approval.moved", "Something newer was asked for in its place.")
    if approval.status == "open" or (approval.status, decision) == ("approved", "approved"):
        return
    raise Conflict(
        "approval.decided", f"This was decided already: {approval.status}.", extra={"status": approval.status}
    )


def _decision(given: JsonObject) -> Literal["approved", "refused"]:
    match given.get("decision"):
        case "approve":
            return "approved"
        case "refuse":
            return "refused"
        case other:
            raise Invalid("request.invalid", f"`decision` is {other!r}; it must be `approve` or `refuse`.")


def _reason(given: JsonObject) -> str | None:
    reason = given.get("reason")
    if reason is not None and (not isinstance(reason, str) or len(reason) > _LONGEST_REASON or "\x00" in reason):
        raise Invalid("request.invalid", f"`reason` must be a text of at most {_LONGEST_REASON} characters.")
    return reason


def _parts(given: JsonObject) -> list[str] | None:
    parts = given.get("parts")
    if parts is None:
        return None
    if not isinstance(parts, list) or not parts or not all(isinstance(one, str) for one in parts):
        raise Invalid("request.invalid", "`parts` must be a list of the change set's parts.")
    return cast("list[str]", parts)


def _told(problem: Problem) -> JsonObject:
    return {"code": problem.code, "message": problem.detail}
