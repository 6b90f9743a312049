"""`variables`: which names `vars.NAME` may read, and which of them are secret. Never a value: those are people's to set."""

from __future__ import annotations

from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked
from copilot.tools.tool import Answer
from db import variables
from engine.expressions.values import Json
from engine.runs.reading import acting


async def _list(call: Call) -> Answer:
    most = call.limit(100, 200)
    async with acting(call.kit.db, call.asker.workspace_id) as conn:
        found = await variables.list_variables(conn, call.asker.workspace_id, call.text("after"), most + 1)
    rows: list[Json] = [{"name": each.name, "secret": each.secret} for each in found[:most]]
    return Answer({"variables": marked(rows, "variables"), "more": len(found) > most})


TOOL = ActionTool(
    name="variables",
    description=(
        "Variables of the workspace, read as `{{ vars.NAME }}`. list: names, and which are secret. Values are never shown, "
        "and people set them."
    ),
    properties={
        "limit": {"type": "integer", "minimum": 1, "maximum": 200},
        "after": {
            "type": "string",
            "maxLength": 200,
            "pattern": "^[A-Za-z0-9_]*$",
            "description": "Names after this one.",
        },
    },
    actions={"list": Action(_list, "variables.read", optional=("limit", "after"))},
)
