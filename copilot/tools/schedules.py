"""`schedules`: when what is live starts by itself."""

from __future__ import annotations

from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked
from copilot.tools.tool import Answer
from engine.expressions.values import Json

_NEXT = 3


async def _list(call: Call) -> Answer:
    cursor: list[Json] | None = None if call.text("cursor") is None else [call.text("cursor")]
    page = await call.kit.schedules.list_schedules(
        call.asker.workspace_id, call.text("workflow") or call.place.workflow, cursor, call.limit(20, 100)
    )
    rows: list[Json] = []
    for each in page.items:
        if isinstance(each, dict):
            due = each["next"]
            shown: dict[str, Json] = {key: value for key, value in each.items() if key != "schedule_id"}
            shown["next"] = due[:_NEXT] if isinstance(due, list) else []
            rows.append(shown)
    return Answer({"schedules": marked(rows, "schedules"), "next_cursor": page.cursor[0] if page.cursor else None})


TOOL = ActionTool(
    name="schedules",
    description="Schedules of deployed workflows. list: when each is due, and whether and why it is paused.",
    properties={
        "workflow": {"type": "string", "maxLength": 200},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "cursor": {"type": "string", "maxLength": 200, "description": "`next_cursor` of the page before."},
    },
    actions={"list": Action(_list, "schedules.read", optional=("workflow", "limit", "cursor"))},
)
