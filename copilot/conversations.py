"""Conversations and what is said in them, as people see them. Each belongs to one person, and is for nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from copilot.people import dumped
from copilot.starting import Turns
from copilot.tools.tool import Asker
from db import audit, copilot
from db.connection import Connection
from db.copilot import Conversation, Message
from db.ids import ConversationId, MessageId, TurnId, new_uuid7
from db.json import Json
from db.pool import Database
from engine.hub import Hub
from engine.problems import Conflict, Invalid, NotFound, Problem
from engine.runs.lookup import find_workflow, living
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import RunReader, acting, run_id_of
from engine.runs.request_body import object_of
from engine.views import moment

JsonObject = dict[str, Json]

LONGEST_MESSAGE = 100_000
"""Bytes of UTF-8."""
LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who asks: `key` says whose conversations they may see (`copilot.people.key_of`)."""

    asker: Asker
    key: str


class Conversations:
    def __init__(self, db: Database, hub: Hub, reader: RunReader, turns: Turns) -> None:
        self._db = db
        self._hub = hub
        self._reader = reader
        self._turns = turns

    async def create(self, speaker: Speaker, body: Json) -> JsonObject:
        """`{workflow?, run?, title?}`. Raises `Invalid`, `NotFound`."""
        given = object_of(body, ("workflow", "run", "title"))
        title, workflow, run = (given.get(name) for name in ("title", "workflow", "run"))
        for name, value in (("title", title), ("workflow", workflow), ("run", run)):
            if value is not None and not isinstance(value, str):
                raise Invalid("request.invalid", f"`{name}` must be a text.")
        if isinstance(title, str) and (len(title) > LONGEST_TITLE or "\x00" in title):
            raise Invalid("request.invalid", f"`title` must have at most {LONGEST_TITLE} characters.")
        workspace_id = speaker.asker.workspace_id
        row = None if run is None else await self._reader.row(workspace_id, run_id_of(str(run)))
        conversation_id = ConversationId(new_uuid7())
        async with acting(self._db, workspace_id) as conn:
            about = None if row is None else row.workflow_id
            if workflow is not None:
                about = living(await find_workflow(conn, workspace_id, str(workflow)), str(workflow)).workflow_id
            await copilot.create(
                conn,
                workspace_id,
                conversation_id,
                speaker.key,
                None if title is None else str(title),
                about,
                None if row is None else row.run_id,
            )
            return _shown(await self._find(conn, speaker, str(conversation_id)))

    async def list_conversations(self, speaker: Speaker, cursor: Sequence[Json] | None, limit: int) -> Page:
        """Of this person, newest first."""
        before = cursor_id(cursor)
        async with acting(self._db, speaker.asker.workspace_id) as conn:
            found = await copilot.list_conversations(
                conn,
                speaker.asker.workspace_id,
                speaker.key,
                None if before is None else ConversationId(before),
                limit + 1,
            )
        items: list[Json] = [_shown(one) for one in found[:limit]]
        return Page(items, [str(found[limit - 1].conversation_id)] if len(found) > limit else None)

    async def get(self, speaker: Speaker, conversation_id: str) -> JsonObject:
        async with acting(self._db, speaker.asker.workspace_id) as conn:
            return _shown(await self._find(conn, speaker, conversation_id))

    async def delete(self, speaker: Speaker, conversation_id: str) -> None:
        """With all that was said. Raises `Conflict` while a turn is under way."""
        workspace_id = speaker.asker.workspace_id
        async with acting(self._db, workspace_id) as conn:
            found = await self._find(conn, speaker, conversation_id)
            if await copilot.open_turn(conn, workspace_id, found.conversation_id) is not None:
                raise Conflict("turn.in_progress", "A turn is under way: cancel it, or wait for its end.")
            await copilot.delete(conn, workspace_id, found.conversation_id)

    async def messages(self, speaker: Speaker, conversation_id: str, cursor: Sequence[Json] | None, limit: int) -> Page:
        """Oldest first."""
        after = cursor_id(cursor)
        workspace_id = speaker.asker.workspace_id
        async with acting(self._db, workspace_id) as conn:
            conversation = await self._find(conn, speaker, conversation_id)
            found = await copilot.messages(
                conn,
                workspace_id,
                conversation.conversation_id,
                None if after is None else MessageId(after),
                limit + 1,
            )
        items: list[Json] = [_message(one) for one in found[:limit]]
        return Page(items, [str(found[limit - 1].message_id)] if len(found) > limit else None)

    async def say(self, speaker: Speaker, conversation_id: str, body: Json) -> JsonObject:
        """`{content, subject?}` → `{turn_id, after_seq}`; what was said is kept, and is answered whatever breaks.

        Raises `Problem` 413 `message.too_large`, `Conflict` `turn.in_progress`.
        """
        given = object_of(body, ("content", "subject"))
        content, subject = given.get("content"), given.get("subject")
        if not isinstance(content, str) or not content.strip() or "\x00" in content:
            raise Invalid("request.invalid", "`content` must be a text that says something.")
        if len(content.encode("utf-8", "replace")) > LONGEST_MESSAGE:
            raise Problem(
                413,
                "message.too_large",
                f"A message has at most {LONGEST_MESSAGE // 1000} KB. Put what is longer into a file, and name it.",
            )
        if subject is not None and not isinstance(subject, (str, dict)):
            raise Invalid("request.invalid", "`subject` must be a text or an object.")
        return await self._begin(speaker, conversation_id, content.encode("utf-8", "replace").decode(), subject)

    async def _begin(self, speaker: Speaker, conversation_id: str, content: str, subject: Json) -> JsonObject:
        workspace_id = speaker.asker.workspace_id
        turn_id, question, answer = TurnId(new_uuid7()), MessageId(new_uuid7()), MessageId(new_uuid7())
        async with acting(self._db, workspace_id) as conn:
            found = await self._find(conn, speaker, conversation_id)
            place = (workspace_id, found.conversation_id, turn_id)
            begun = await copilot.begin_turn(
                conn, workspace_id, found.conversation_id, turn_id, answer, dumped(speaker.asker)
            )
            if not begun:
                open_turn = await copilot.open_turn(conn, workspace_id, found.conversation_id)
                raise Conflict(
                    "turn.in_progress",
                    "The copilot is still answering the message before. Wait for its end, or cancel it.",
                    extra={"turn_id": None if open_turn is None else str(open_turn)},
                )
            await copilot.put_message(conn, place, question, "user", content, "completed", subject)
            await copilot.put_message(conn, place, answer, "assistant", "", "in_progress")
            fact: JsonObject = {"kind": "turn_started", "message_id": str(question), "content": content}
            await audit.note(conn, workspace_id, "turn", turn_id, found.title, "said")
            last = await copilot.tell(conn, workspace_id, found.conversation_id, turn_id, [fact])
        self._hub.publish(int(workspace_id), str(found.conversation_id))
        await self._turns.start(workspace_id, turn_id)
        return {"turn_id": str(turn_id), "after_seq": last - 1}

    async def cancel(self, speaker: Speaker, turn_id: str) -> JsonObject:
        """What was said stays. → `{turn_id, status}`; a turn that has ended keeps its status."""
        workspace_id = speaker.asker.workspace_id
        async with acting(self._db, workspace_id) as conn:
            turn = await self._turn(conn, speaker, turn_id)
            asked = await copilot.request_cancel(conn, workspace_id, turn.turn_id)
            await audit.note(conn, workspace_id, "turn", turn.turn_id, None, "cancelled")
        if asked:
            await self._turns.cancel(workspace_id, turn.turn_id)
        async with acting(self._db, workspace_id) as conn:
            turn = await self._turn(conn, speaker, turn_id)
        return {"turn_id": str(turn.turn_id), "status": turn.status}

    async def place(self, speaker: Speaker, conversation_id: str) -> ConversationId:
        """Raises `NotFound`."""
        async with acting(self._db, speaker.asker.workspace_id) as conn:
            return (await self._find(conn, speaker, conversation_id)).conversation_id

    async def _turn(self, conn: Connection, speaker: Speaker, turn_id: str) -> copilot.Turn:
        turn = None
        if (parsed := _uuid(turn_id)) is not None:
            turn = await copilot.turn(conn, speaker.asker.workspace_id, TurnId(parsed))
        if turn is None:
            raise NotFound("turn", turn_id)
        try:
            await self._find(conn, speaker, str(turn.conversation_id))
        except NotFound:
            raise NotFound("turn", turn_id) from None
        return turn

    async def _find(self, conn: Connection, speaker: Speaker, conversation_id: str) -> Conversation:
        found = None
        if (parsed := _uuid(conversation_id)) is not None:
            found = await copilot.get(conn, speaker.asker.workspace_id, ConversationId(parsed))
        if found is None or found.asker != speaker.key:
            raise NotFound("conversation", conversation_id)
        return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _shown(one: Conversation) -> JsonObject:
    return {
        "conversation_id": str(one.conversation_id),
        "title": one.title,
        "workflow": one.workflow,
        "run_id": None if one.run_id is None else str(one.run_id),
        "last_seq": one.last_seq,
        "created_at": moment(one.created_at),
        "updated_at": moment(one.updated_at),
    }


def _message(one: Message) -> JsonObject:
    return {
        "message_id": str(one.message_id),
        "turn_id": str(one.turn_id),
        "role": one.role,
        "content": one.content,
        "status": one.status,
        "widget": one.widget,
        "options": one.options,
        "subject": one.subject,
        "created_at": moment(one.created_at),
    }
