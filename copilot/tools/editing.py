"""`workflows.edit` and `workflows.create`: what the copilot writes, always a draft and always as the person for whom it acts.

An edit compares `base_revision`, as people's saves do. A call that is made again after a crash must not be told that somebody else saved: the
audit trail has the mark of the call that wrote each revision, in the transaction of the write, so one's own write is known exactly.

Texts that look like secrets don't go into a draft; those that stand there already may stay, since somebody else put them there.
"""

from __future__ import annotations

import asyncio
from typing import cast

from copilot.edits.apply import Misfit, apply
from copilot.tools.actions import Call
from copilot.tools.findings import told
from copilot.tools.marking import marked
from copilot.tools.secret_texts import secrets_in
from copilot.tools.tool import Answer
from db import audit
from db.audit import Wanted
from engine.expressions.values import Json
from engine.problems import Conflict
from engine.runs.reading import acting
from engine.spec.pointer import tokens_of
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

_LOOKED_BACK = 50
"""Revisions among which a call's own write is looked for."""
_NO_SECRETS = (
    "Nothing was saved: a secret doesn't belong into a document or a chat. Ask the person to store it as a secret variable or a connection, "
    "and read it as `{{ vars.NAME }}` or name the connection."
)


async def edit(call: Call) -> Answer:
    """Operations on the draft: `{revision, findings}`."""
    kit, asker, workflow = call.kit, call.asker, call.workflow
    base, operations = call.number("base_revision") or 0, call.arguments.get("operations")
    draft = await kit.definitions.draft(asker.workspace_id, workflow)
    if draft["revision"] != base:
        return await _moved(call, workflow, draft)
    changed = await asyncio.to_thread(apply, draft["document"], operations, kit.registry)
    if isinstance(changed, list):
        return _refused(changed)
    secret = _new_secret(draft["document"], changed)
    if secret is not None:
        return secret
    try:
        saved = await kit.definitions.save_draft(
            asker.workspace_id, asker.user_id, workflow, changed, base, authority=asker.role
        )
    except Conflict as conflict:
        if conflict.code != "draft.stale":
            raise
        return await _moved(call, workflow, await kit.definitions.draft(asker.workspace_id, workflow))
    return _saved(workflow, saved, len(operations) if isinstance(operations, list) else 0)


async def create(call: Call) -> Answer:
    """A new workflow: `{workflow, revision, findings}`."""
    kit, asker, name = call.kit, call.asker, call.text("workflow") or ""
    given = call.arguments.get("document")
    document: JsonObject = {"schema_version": 1, **(given if isinstance(given, dict) else {}), "name": name}
    document.setdefault("steps", {})
    secret = _new_secret({}, document)
    if secret is not None:
        return secret
    try:
        made = await kit.definitions.create(
            asker.workspace_id, asker.slug, asker.user_id, document, authority=asker.role
        )
    except Conflict:
        if not await _wrote(call, name):
            raise
        made = await kit.definitions.get(asker.workspace_id, asker.slug, name)
    draft = cast("JsonObject", made["draft"])
    return Answer(
        {"workflow": marked(name, "workflow"), "revision": draft["revision"], "findings": told(draft["findings"])},
        fact={"kind": "workflow_created", "workflow": name, "revision": draft["revision"]},
    )


async def _moved(call: Call, workflow: str, draft: JsonObject) -> Answer:
    """The draft isn't at the revision that the edit is for: by this call itself before a crash, or by somebody."""
    operations = call.listed("operations")
    if await _wrote(call, workflow):
        return _saved(workflow, draft, len(operations))
    sentence = f"The draft is at revision {draft['revision']} now, so nothing was changed. Read it by `workflows.get` and decide anew."
    return Answer(
        {"error": "draft.stale", "message": sentence, "revision": draft["revision"]},
        error="draft.stale",
    )


async def _wrote(call: Call, workflow: str) -> bool:
    """Whether this very call wrote the draft already."""
    workspace_id = call.asker.workspace_id
    shown = await call.kit.definitions.get(workspace_id, call.asker.slug, workflow)
    async with acting(call.kit.db, workspace_id) as conn:
        lines = await audit.page(
            conn, workspace_id, Wanted(kind="version", object=str(shown["workflow_id"])), None, _LOOKED_BACK
        )
    return any(line.request_id == call.place.mark for line in lines)


def _saved(workflow: str, draft: JsonObject, operations: int) -> Answer:
    return Answer(
        {"revision": draft["revision"], "findings": told(draft["findings"])},
        fact={
            "kind": "draft_edited",
            "workflow": workflow,
            "revision": draft["revision"],
            "operations": operations,
        },
    )


def _refused(problems: list[Misfit]) -> Answer:
    listed: list[Json] = [each.to_json() for each in problems[:20]]
    return Answer(
        {
            "error": "edit.refused",
            "message": "Nothing was changed. `operation` counts from 0; make it right and send all of them again.",
            "problems": marked(listed, "draft", 6_000),
        },
        error="edit.refused",
    )


def _new_secret(before: Json, after: Json) -> Answer | None:
    """The refusal, where the new document has a text that looks like a secret and that the old one hasn't."""
    found = list(secrets_in(after))
    if not found:
        return None
    known = {_text_at(before, pointer) for pointer, _ in secrets_in(before)}
    fresh = [(pointer, kind) for pointer, kind in found if _text_at(after, pointer) not in known]
    if not fresh:
        return None
    places: list[Json] = [{"path": pointer, "looks_like": kind} for pointer, kind in fresh[:10]]
    return Answer(
        {"error": "secret.text", "message": _NO_SECRETS, "places": marked(places, "draft", 2_000)}, error="secret.text"
    )


def _text_at(document: Json, pointer: str) -> bytes:
    here = document
    for token in tokens_of(pointer):
        if isinstance(here, dict):
            here = here.get(token)
        elif isinstance(here, list) and token.isdigit() and int(token) < len(here):
            here = here[int(token)]
        else:
            here = None
    return dumps(here)
