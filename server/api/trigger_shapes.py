"""The shapes of the inbox and of what starts runs by itself: see `shapes.py`."""

from __future__ import annotations

from server.api.shapes import (
    ANY,
    FLAG,
    ID,
    MAYBE_ID,
    MAYBE_TEXT,
    MAYBE_TIME,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    closed,
    listed,
    listing,
    one_of,
)

_EVENT: dict[str, Schema] = {
    "event_id": ID,
    "kind": one_of("webhook", "email", "schedule", "event", "workflow", "poll"),
    "source": TEXT,
    "workflow": MAYBE_TEXT,
    "trigger": MAYBE_TEXT,
    "received_at": TIME,
    "verdict": one_of("waiting", "accepted", "duplicate", "refused", "failed", "dropped"),
    "reason": {**MAYBE_TEXT, "description": "Why it was refused or failed, or what it waits for."},
    "attempts": WHOLE,
    "next_at": MAYBE_TIME,
    "run_id": MAYBE_ID,
    "size": {"type": "integer", "description": "Bytes of the body as it came."},
}

_MAILBOX = closed(
    {
        "connection": TEXT,
        "mailbox": TEXT,
        "every": {"type": "number", "description": "Seconds."},
        "afterwards": one_of("keep", "seen"),
        "state": one_of("new", "ok", "failing"),
        "reason": {**MAYBE_TEXT, "description": "Why it can't be read."},
        "looked_at": {**MAYBE_TIME, "description": "When it was read last."},
        "next": {**MAYBE_TIME, "description": "When it is read again; null while its workflow is paused."},
    }
)
_OVERLAP = one_of("skip", "buffer_one", "buffer_all", "cancel_other", "allow_all")

TRIGGER_REQUESTS: dict[str, Schema] = {
    "SchedulePause": closed({}, {"reason": {**MAYBE_TEXT, "maxLength": 500}}),
    "ToldEvent": closed(
        {"name": {"type": "string", "minLength": 1, "maxLength": 200}},
        {
            "key": {
                "type": ["string", "integer", "null"],
                "maxLength": 500,
                "description": "What waiting steps ask for.",
            },
            "data": {**ANY, "description": "Any JSON up to 1 MB."},
        },
    ),
    "PollReset": closed({}, {"cursor": {**ANY, "description": "Where it begins; null for the beginning."}}),
    "Backfill": closed({"from": TIME, "to": TIME}, {"overlap": _OVERLAP}),
}

TRIGGER_ANSWERS: dict[str, Schema] = {
    "Schedule": closed(
        {
            "schedule_id": ID,
            "workflow": TEXT,
            "trigger": TEXT,
            "cron": MAYBE_TEXT,
            "every": {"type": ["number", "null"], "description": "Seconds."},
            "timezone": TEXT,
            "overlap": _OVERLAP,
            "paused": FLAG,
            "reason": {**MAYBE_TEXT, "description": "Why it is paused."},
            "next": {**listed(TIME), "description": "The next ten times; none while it is paused."},
            "last": MAYBE_TIME,
        }
    ),
    "ScheduleList": listing("Schedule"),
    "Task": closed(
        {
            "task_id": TEXT,
            "kind": one_of("approval", "form"),
            "run_id": ID,
            "workflow_id": ID,
            "workflow": TEXT,
            "path": {**TEXT, "description": "Of the step that waits."},
            "to": {**ANY, "description": "Who was asked, as the step has it; null of a form."},
            "subject": TEXT,
            "text": MAYBE_TEXT,
            "form": {**ANY, "description": "Its fields, as the document has them."},
            "created_at": TIME,
            "expires_at": MAYBE_TIME,
            "url": {**MAYBE_TEXT, "description": "Where it is answered: of an approval in the caller's name."},
        }
    ),
    "TaskList": listing("Task"),
    "Delivered": closed({"delivered": {**WHOLE, "description": "How many triggers and waits it reached."}}),
    "Poll": closed(
        {
            "poll_id": ID,
            "workflow": TEXT,
            "trigger": TEXT,
            "every": {"type": "number", "description": "Seconds."},
            "next": {**MAYBE_TIME, "description": "None while its workflow is paused."},
            "asked_at": MAYBE_TIME,
            "answered_at": MAYBE_TIME,
            "cursor": {**ANY, "description": "Where the last answer got to."},
            "failures": {**WHOLE, "description": "Tries since the last answer."},
            "error": {**ANY, "description": "Why the last try failed; null after an answer."},
        }
    ),
    "PollList": listing("Poll"),
    "Backfilled": closed({"times": listed(TIME)}),
    "EmailRoute": closed(
        {
            "route_id": ID,
            "workflow": TEXT,
            "trigger": TEXT,
            "address": {**TEXT, "description": "The permanent one, with its domain."},
            "alias": {**MAYBE_TEXT, "description": "The part before the @ of the other one."},
            "enabled": {**FLAG, "description": "Whether it takes mail: false while the workflow is paused."},
            "mailbox": {"anyOf": [_MAILBOX, {"type": "null"}]},
        }
    ),
    "EmailRouteList": listing("EmailRoute"),
    "Event": closed(_EVENT),
    "EventList": listing("Event"),
    "WholeEvent": closed(
        {
            **_EVENT,
            "head": {**ANY, "description": "What the sender said around the body; null once it is kept no longer."},
            "body": MAYBE_TEXT,
            "encoding": {"enum": ["utf-8", "base64", None]},
        },
        {"truncated": FLAG},
    ),
}
