"""`files`: which files there are: names and what is known of them, never what is in them."""

from __future__ import annotations

from uuid import UUID

from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked
from copilot.tools.tool import Answer
from db import files
from db.ids import FileId
from engine.expressions.values import Json
from engine.problems import NotFound
from engine.runs.reading import acting
from engine.views import moment


async def _list(call: Call) -> Answer:
    most, name = call.limit(20, 100), call.text("name")
    before = call.text("before")
    tags = [each for each in call.listed("tags") if isinstance(each, str) and "\x00" not in each]
    if name is not None and "\x00" in name:
        name = name.replace("\x00", "")
    async with acting(call.kit.db, call.asker.workspace_id) as conn:
        found = await files.list_files(
            conn, call.asker.workspace_id, tags, name, None if before is None else _id(before), most + 1
        )
    rows: list[Json] = [
        {
            "file_id": str(each.file_id),
            "name": each.name,
            "type": each.mime_type,
            "size": each.size,
            "tags": [*each.tags],
            "created_at": moment(each.created_at),
            "expires_at": moment(each.expires_at),
        }
        for each in found[:most]
    ]
    return Answer({"files": marked(rows, "files"), "more": len(found) > most})


def _id(text: str) -> FileId:
    try:
        return FileId(UUID(text))
    except ValueError:
        raise NotFound("file", text) from None


TOOL = ActionTool(
    name="files",
    description="Files of the workspace. list: ids, names, types, sizes and tags, newest first; never their contents.",
    properties={
        "name": {"type": "string", "maxLength": 200, "description": "A part of the name."},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 200}, "maxItems": 10},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "before": {"type": "string", "maxLength": 60, "description": "Older than this file (an id)."},
    },
    actions={"list": Action(_list, "files.read", optional=("name", "tags", "limit", "before"))},
)
