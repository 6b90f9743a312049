"""`queues`: which app queues there are, how they are set, and why their items don't move. What the items hold isn't shown."""

from __future__ import annotations

from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked
from copilot.tools.tool import Answer
from engine.expressions.values import Json

_LEFT_OUT = ("queue_id", "created_at", "updated_at")


async def _list(call: Call) -> Answer:
    cursor: list[Json] | None = None if call.text("cursor") is None else [call.text("cursor")]
    page = await call.kit.queues.list_queues(call.asker.workspace_id, cursor, call.limit(20, 100))
    rows: list[Json] = [
        {key: each[key] for key in ("name", "status", "depth", "consumer", "reason")}
        for each in page.items
        if isinstance(each, dict)
    ]
    return Answer({"queues": marked(rows, "queues"), "next_cursor": page.cursor[0] if page.cursor else None})


async def _show(call: Call) -> Answer:
    reference = call.text("queue") or ""
    shown = await call.kit.queues.get(call.asker.workspace_id, reference)
    stats = await call.kit.queues.stats(call.asker.workspace_id, reference)
    settings: Json = {key: value for key, value in shown.items() if key not in _LEFT_OUT}
    return Answer({"queue": marked(settings, "queues", 6_000), "stats": marked(stats, "queues", 4_000)})


TOOL = ActionTool(
    name="queues",
    description="App queues. list: names, how much waits, who takes it, and why it doesn't move; show: settings and counts of one.",
    properties={
        "queue": {"type": "string", "maxLength": 200, "description": "show: its name."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "cursor": {"type": "string", "maxLength": 200, "description": "list: `next_cursor` of the page before."},
    },
    actions={
        "list": Action(_list, "queues.read", optional=("limit", "cursor")),
        "show": Action(_show, "queues.read", required=("queue",)),
    },
)
