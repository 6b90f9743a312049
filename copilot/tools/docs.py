"""`docs`: the manual that is shipped, searched by words and read by section."""

from __future__ import annotations

from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked, shortened
from copilot.tools.tool import Answer
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json

_SHOWN = 1_500
"""Characters of a section that a search shows."""
_PAGE = 14_000


async def _search(call: Call) -> Answer:
    found = call.kit.manual.search(call.text("query") or "", call.limit(4, 10))
    rows: list[Json] = [
        {"page": each.page, "heading": each.heading, "text": shortened(each.text, _SHOWN)} for each in found
    ]
    content: dict[str, Json] = {"sections": marked(rows, "docs")}
    if not rows:
        content["next"] = "Nothing has a word of this: ask by other words."
    return Answer(content)


async def _read(call: Call) -> Answer:
    manual, name, heading = call.kit.manual, call.text("page") or "", call.text("heading")
    sections = manual.page(name)
    if not sections:
        pages: list[Json] = [*manual.pages]
        message = f"There is no such page.{suggestion(name, manual.pages)}"
        return Answer({"error": "page.unknown", "message": message, "pages": pages}, error="page.unknown")
    chosen = [each for each in sections if heading is None or heading.lower() in each.heading.lower()]
    if not chosen:
        headings: list[Json] = [each.heading for each in sections]
        return Answer(
            {"error": "heading.unknown", "headings": marked(headings, "docs", 6_000)}, error="heading.unknown"
        )
    text = "\n\n".join(f"## {each.heading}\n{each.text}" for each in chosen)
    return Answer({"text": marked(shortened(text, _PAGE), "docs", 2 * _PAGE)})


TOOL = ActionTool(
    name="docs",
    description="Millstream's manual. search: the sections that answer a question; read: a page, or its sections of one heading.",
    properties={
        "query": {"type": "string", "maxLength": 500, "description": "search: in words."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 10},
        "page": {"type": "string", "maxLength": 100, "description": "read: as `queues.md`."},
        "heading": {"type": "string", "maxLength": 200, "description": "read: a part of a heading."},
    },
    actions={
        "search": Action(_search, "modules.read", required=("query",), optional=("limit",)),
        "read": Action(_read, "modules.read", required=("page",), optional=("heading",)),
    },
)
