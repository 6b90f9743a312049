"""`workflows`: read documents, edit drafts, and see what the validator says. Nothing here goes live."""

from __future__ import annotations

from typing import Final

from copilot.edits.apply import MOST_OPERATIONS, schema
from copilot.tools import editing, trying
from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.findings import told
from copilot.tools.marking import marked
from copilot.tools.tool import Answer
from engine.expressions.values import Json
from engine.problems import Problem
from engine.runs.lookup import version_name
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

_WHOLE: Final = 24_000
"""Bytes up to which a document is shown whole; of a larger one the outline, and the steps that are asked for."""


async def _list(call: Call) -> Answer:
    asker = call.asker
    cursor: list[Json] | None = None if call.text("cursor") is None else [call.text("cursor")]
    page = await call.kit.definitions.list_workflows(asker.workspace_id, asker.slug, cursor, call.limit(20, 100))
    rows: list[Json] = [
        {key: each[key] for key in ("name", "status", "live_version", "updated_at")}
        for each in page.items
        if isinstance(each, dict)
    ]
    return Answer({"workflows": marked(rows, "workflow"), "next_cursor": page.cursor[0] if page.cursor else None})


async def _get(call: Call) -> Answer:
    """The draft with its revision, or a version."""
    asker, workflow, definitions = call.asker, call.workflow, call.kit.definitions
    shown = await definitions.get(asker.workspace_id, asker.slug, workflow)
    head: JsonObject = {key: shown[key] for key in ("name", "status", "live_version")}
    version = version_name(call.text("version") or "draft")
    if version == "draft":
        draft = shown["draft"]
        assert isinstance(draft, dict)
        document = draft["document"]
        content: JsonObject = {
            "workflow": marked(head, "workflow"),
            "revision": draft["revision"],
            "findings": told(draft["findings"]),
        }
    else:
        number = shown["live_version"] if version == "deployed" else version
        if not isinstance(number, int):
            raise Problem(
                409, "workflow.not_deployed", "Nothing is deployed of it yet: read the draft (`version: draft`)."
            )
        document = (await definitions.version(asker.workspace_id, workflow, number))["document"]
        content = {"workflow": marked(head, "workflow"), "version": number}
    steps = [each for each in call.listed("steps") if isinstance(each, str)]
    return Answer({**content, **_document(document, steps)})


def _document(document: Json, steps: list[str]) -> JsonObject:
    if steps and isinstance(document, dict):
        return {"steps": marked(_chosen(document, steps), "workflow", _WHOLE)}
    if len(dumps(document)) <= _WHOLE or not isinstance(document, dict):
        return {"document": marked(document, "workflow", _WHOLE)}
    return {
        "outline": marked(_outline(document), "workflow", _WHOLE),
        "next": "The document is large: `get` with `steps` (ids) shows steps and triggers whole.",
    }


def _chosen(document: JsonObject, ids: list[str]) -> JsonObject:
    found: JsonObject = {}
    for section in ("triggers", "steps"):
        rows = document.get(section)
        if isinstance(rows, dict):
            found |= {id_: rows[id_] for id_ in ids if id_ in rows}
    edges = document.get("edges")
    near: list[Json] = [
        each
        for each in (edges if isinstance(edges, list) else [])
        if isinstance(each, dict) and (each.get("from") in ids or each.get("to") in ids)
    ]
    return {"steps": found, "edges": near, "missing": [id_ for id_ in ids if id_ not in found]}


def _outline(document: JsonObject) -> JsonObject:
    shown: JsonObject = {key: value for key, value in document.items() if key not in ("steps", "layout", "tests")}
    steps = document.get("steps")
    if isinstance(steps, dict):
        shown["steps"] = {
            id_: {key: step[key] for key in ("module", "title", "parent", "slot") if key in step}
            for id_, step in steps.items()
            if isinstance(step, dict)
        }
    tests = document.get("tests")
    if isinstance(tests, list):
        shown["tests"] = [each.get("name") for each in tests if isinstance(each, dict)]
    return shown


async def _validate(call: Call) -> Answer:
    draft = await call.kit.definitions.draft(call.asker.workspace_id, call.workflow)
    return Answer({"revision": draft["revision"], "findings": told(draft["findings"])})


async def _diff(call: Call) -> Answer:
    before, after = version_name(call.text("from") or "deployed"), version_name(call.text("to") or "draft")
    changes = await call.kit.definitions.diff(call.asker.workspace_id, call.workflow, before, after)
    same = not any(changes.values())
    return Answer({"same": True} if same else {"same": False, "changes": marked(changes, "workflow")})


_VERSION: JsonObject = {"type": "string", "pattern": "^(draft|deployed|[1-9][0-9]{0,8})$"}

TOOL = ActionTool(
    name="workflows",
    description=(
        "Workflow documents. list; get: the draft with its revision (or a version; `steps` for some whole); create: a new draft; "
        "edit: typed operations on the draft, all or none, with `base_revision` of what you read; answers revision and the "
        "validator's findings; validate: the draft's findings; diff: what changed between two versions; test: the document's own tests; "
        "simulate: one run on `input`, on a whole `trigger`, or on a past `run`'s data, with effects stood in for. Nothing goes live by these. "
        "`workflow` is the one that the conversation is about unless given."
    ),
    properties={
        "workflow": {"type": "string", "maxLength": 200, "description": "Name; of the new one for create."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "cursor": {"type": "string", "maxLength": 200, "description": "list: `next_cursor` of the page before."},
        "version": {**_VERSION, "description": "get, test, simulate: draft (unless given), deployed, or a number."},
        "steps": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": 100,
            "description": "get: ids of steps and triggers.",
        },
        "document": {"type": "object", "description": "create: the whole document; an empty one unless given."},
        "base_revision": {"type": "integer", "minimum": 1, "description": "edit: the draft's revision that you read."},
        "operations": {"type": "array", "items": schema(), "minItems": 1, "maxItems": MOST_OPERATIONS},
        "from": {**_VERSION, "description": "diff: deployed unless given."},
        "to": {**_VERSION, "description": "diff: draft unless given."},
        "input": {"description": "simulate: the run's input."},
        "trigger": {"type": "object", "description": "simulate: the whole trigger, as a run's `show` has it."},
        "trigger_id": {"type": "string", "maxLength": 100},
        "run": {
            "type": "string",
            "maxLength": 60,
            "description": "simulate: id of a past run, whose data it begins with.",
        },
    },
    actions={
        "list": Action(_list, "workflows.read", optional=("limit", "cursor")),
        "get": Action(_get, "workflows.read", optional=("workflow", "version", "steps")),
        "create": Action(editing.create, "workflows.write", required=("workflow",), optional=("document",)),
        "edit": Action(
            editing.edit, "workflows.write", required=("base_revision", "operations"), optional=("workflow",)
        ),
        "validate": Action(_validate, "documents.validate", optional=("workflow",)),
        "diff": Action(_diff, "workflows.read", optional=("workflow", "from", "to")),
        "test": Action(trying.test, "workflows.test", optional=("workflow", "version")),
        "simulate": Action(
            trying.simulated,
            "workflows.test",
            optional=("workflow", "version", "input", "trigger", "trigger_id", "run"),
        ),
    },
)
