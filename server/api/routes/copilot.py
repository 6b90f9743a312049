"""The copilot: conversations, what is said in them, what comes of it as it happens, and what people decide."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from copilot.conversations import Speaker
from copilot.deeds import RIGHTS
from copilot.people import key_of
from copilot.stream import conversation_events
from copilot.tools.tool import Asker
from server.api.access import Caller, Rights
from server.api.answers import answer, decode_cursor, page, paged
from server.api.describe import taking
from server.api.parameters import Cursor, Given, Limit, Who, With
from server.api.route import ApiRoute, does
from server.api.services import rights_of
from server.api.streams import event_stream

router = APIRouter(route_class=ApiRoute, prefix="/copilot", tags=["copilot"])


def speaker_of(caller: Caller) -> Speaker:
    """The person behind the request, else the key itself."""
    name = caller.email or caller.key_name
    asker = Asker(caller.workspace_id, caller.slug, caller.user_id, name, caller.role)
    return Speaker(asker, key_of(caller.user_id, caller.api_key_id))


@router.post(
    "/conversations",
    status_code=201,
    openapi_extra=does("copilot.use", {201: "Conversation"}, **taking("NewConversation", required=False)),
)
async def create(body: Given, caller: Who, engine: With) -> Response:
    """`{workflow?, run?, title?}`: about a workflow, a run, or nothing yet."""
    given = {} if body is None else body
    return answer(await engine.copilot.conversations.create(speaker_of(caller), given), 201)


@router.get("/conversations", openapi_extra=does("copilot.use", {200: "ConversationList"}))
async def list_(caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None) -> Response:
    """The caller's own, newest first."""
    found = await engine.copilot.conversations.list_conversations(
        speaker_of(caller), decode_cursor(cursor), limit or 50
    )
    return paged(found)


@router.get("/conversations/{conversation_id}", openapi_extra=does("copilot.use", {200: "Conversation"}))
async def get(conversation_id: str, caller: Who, engine: With) -> Response:
    """One of the caller's own; others' are not found."""
    return answer(await engine.copilot.conversations.get(speaker_of(caller), conversation_id))


@router.delete("/conversations/{conversation_id}", status_code=204, openapi_extra=does("copilot.use", {204: None}))
async def delete(conversation_id: str, caller: Who, engine: With) -> Response:
    """With all that was said in it; 409 while a turn is under way."""
    await engine.copilot.conversations.delete(speaker_of(caller), conversation_id)
    return Response(status_code=204)


@router.get("/conversations/{conversation_id}/messages", openapi_extra=does("copilot.use", {200: "MessageList"}))
async def messages(
    conversation_id: str, caller: Who, engine: With, limit: Limit = None, cursor: Cursor = None
) -> Response:
    """Oldest first."""
    return paged(
        await engine.copilot.conversations.messages(
            speaker_of(caller), conversation_id, decode_cursor(cursor), limit or 50
        )
    )


@router.post(
    "/conversations/{conversation_id}/messages",
    status_code=202,
    openapi_extra=does("copilot.use", {202: "TurnAccepted"}, **taking("NewMessage")),
)
async def say(conversation_id: str, body: Given, caller: Who, engine: With) -> Response:
    """`{content, subject?}`: one turn at a time, a second one is 409. What comes of it: the conversation's events after `after_seq`."""
    return answer(await engine.copilot.conversations.say(speaker_of(caller), conversation_id, body), 202)


@router.get(
    "/conversations/{conversation_id}/events",
    openapi_extra=does("copilot.use", {200: "text/event-stream"}),
    response_class=StreamingResponse,
)
async def events(
    conversation_id: str,
    caller: Who,
    engine: With,
    after: Annotated[
        int | None, Query(ge=0, le=2**62, description="Facts after this number; all unless given.")
    ] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Events of AG-UI; goes on from `Last-Event-ID`. Texts that are being written come in pieces without an id."""
    place = await engine.copilot.conversations.place(speaker_of(caller), conversation_id)
    last = (
        int(last_event_id)
        if last_event_id is not None and last_event_id.isdecimal() and len(last_event_id) < 19
        else after
    )
    return await event_stream(
        conversation_events(engine.db, engine.hub, engine.copilot.whispers, caller.workspace_id, place, last or 0)
    )


@router.get("/conversations/{conversation_id}/approvals", openapi_extra=does("copilot.use", {200: "ApprovalList"}))
async def approvals(conversation_id: str, caller: Who, engine: With, limit: Limit = None) -> Response:
    """What the caller was asked to decide in it, newest first."""
    place = await engine.copilot.conversations.place(speaker_of(caller), conversation_id)
    return page(await engine.copilot.approvals.list_approvals(speaker_of(caller), place, limit or 50), None)


@router.post("/turns/{turn_id}/cancel", openapi_extra=does("copilot.use", {200: "TurnState"}))
async def cancel(turn_id: str, caller: Who, engine: With) -> Response:
    """What was said stays."""
    return answer(await engine.copilot.conversations.cancel(speaker_of(caller), turn_id))


@router.get("/approvals/{approval_id}", openapi_extra=does("copilot.use", {200: "Approval"}))
async def approval(approval_id: str, caller: Who, engine: With) -> Response:
    """With the change set."""
    return answer(await engine.copilot.approvals.get(speaker_of(caller), approval_id))


@router.post("/approvals/{approval_id}", openapi_extra=does("copilot.use", {200: "Approval"}, **taking("Decision")))
async def decide(
    approval_id: str, body: Given, caller: Who, engine: With, rights: Annotated[Rights, Depends(rights_of)]
) -> Response:
    """`{decision, content_hash, parts?, reason?}`. Approving does it at once, with the caller's rights; 409 where it is not what was shown."""
    speaker = speaker_of(caller)
    asked = await engine.copilot.approvals.get(speaker, approval_id)
    if isinstance(body, dict) and body.get("decision") == "approve":
        rights.check(caller, RIGHTS[str(asked["action"])])
    return answer(await engine.copilot.approvals.decide(speaker, approval_id, body))
