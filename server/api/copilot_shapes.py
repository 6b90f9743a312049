"""The shapes of the copilot: see `shapes.py`."""

from __future__ import annotations

from server.api.shapes import (
    ANY,
    ID,
    MAYBE_ID,
    MAYBE_TEXT,
    MAYBE_TIME,
    OBJECT,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    closed,
    listing,
    one_of,
)

_STATUS = one_of("in_progress", "completed", "failed", "cancelled")

COPILOT_REQUESTS: dict[str, Schema] = {
    "NewConversation": closed(
        {},
        {
            "workflow": {**MAYBE_TEXT, "description": "Its id or name."},
            "run": {**MAYBE_TEXT, "description": "Its id."},
            "title": {**MAYBE_TEXT, "maxLength": 200},
        },
    ),
    "NewMessage": closed(
        {"content": {"type": "string", "minLength": 1, "description": "Up to 100 KB."}},
        {
            "subject": {
                "type": ["string", "object", "null"],
                "description": "What it is about, as a step that was selected.",
            }
        },
    ),
    "Decision": closed(
        {"decision": one_of("approve", "refuse"), "content_hash": TEXT},
        {
            "parts": {"type": ["array", "null"], "items": TEXT, "description": "These parts of the change set alone."},
            "reason": {**MAYBE_TEXT, "maxLength": 2000},
        },
    ),
}

COPILOT_ANSWERS: dict[str, Schema] = {
    "Conversation": closed(
        {
            "conversation_id": ID,
            "title": MAYBE_TEXT,
            "workflow": MAYBE_TEXT,
            "run_id": MAYBE_ID,
            "last_seq": {**WHOLE, "description": "The number of its newest fact."},
            "created_at": TIME,
            "updated_at": TIME,
        }
    ),
    "ConversationList": listing("Conversation"),
    "Message": closed(
        {
            "message_id": ID,
            "turn_id": ID,
            "role": one_of("user", "assistant"),
            "content": TEXT,
            "status": _STATUS,
            "widget": {**ANY, "description": "What is shown beside the text."},
            "options": {**ANY, "description": "Answers to choose from."},
            "subject": ANY,
            "created_at": TIME,
        }
    ),
    "MessageList": listing("Message"),
    "TurnAccepted": closed({"turn_id": ID, "after_seq": {**WHOLE, "description": "Its events have greater numbers."}}),
    "TurnState": closed({"turn_id": ID, "status": _STATUS}),
    "Approval": closed(
        {
            "approval_id": ID,
            "conversation_id": ID,
            "turn_id": ID,
            "action": TEXT,
            "workflow": TEXT,
            "content_hash": {**TEXT, "description": "Of what would be done: send it back with the decision."},
            "change_set": OBJECT,
            "status": one_of("open", "refused", "approved", "done", "failed", "void"),
            "created_at": TIME,
            "decided_at": MAYBE_TIME,
            "parts": {"type": ["array", "null"], "items": TEXT},
            "reason": MAYBE_TEXT,
            "result": {**ANY, "description": "What came of it, as `{version}`."},
        }
    ),
    "ApprovalList": listing("Approval"),
}
