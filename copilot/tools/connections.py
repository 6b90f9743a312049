"""`connections`: which ones a document may name. Names, apps, kinds and states; nothing that is set in them, whoever asks."""

from __future__ import annotations

from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked
from copilot.tools.tool import Answer
from engine.expressions.values import Json


async def _list(call: Call) -> Answer:
    cursor: list[Json] | None = None if call.text("cursor") is None else [call.text("cursor")]
    page = await call.kit.connections.list_connections(call.asker.workspace_id, "viewer", cursor, call.limit(50, 100))
    rows: list[Json] = [
        {key: each[key] for key in ("name", "app", "kind", "state")} for each in page.items if isinstance(each, dict)
    ]
    return Answer({"connections": marked(rows, "connections"), "next_cursor": page.cursor[0] if page.cursor else None})


TOOL = ActionTool(
    name="connections",
    description=(
        "Connections that steps may name. list: names, apps, kinds and states. Credentials are set up by people; if one is missing, say which."
    ),
    properties={
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "cursor": {"type": "string", "maxLength": 200, "description": "`next_cursor` of the page before."},
    },
    actions={"list": Action(_list, "connections.names", optional=("limit", "cursor"))},
)
