"""Deploys some parts of a change and leaves the draft as it is, so that nothing which its author wrote is lost: the other parts stay in it.

The document is made of the live version and the draft, both as the change set saw them, and deployed in one step that compares the draft's
revision. Done again it comes to the same version. Rejected: to save the parts as the draft, deploy it, and save the whole draft back; a process
that dies in between would leave the author without the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from copilot.evidence.changes import Change, document_of
from copilot.tools.tool import Asker
from engine.definitions import Definitions
from engine.expressions.values import Json
from engine.problems import Conflict, Invalid
from engine.spec.document import JsonObject
from engine.spec.upgrade import upgrade

_MOVED: Final = "approval.moved"


async def deploy_parts(
    definitions: Definitions, asker: Asker, change_set: JsonObject, parts: Sequence[str], note: str | None
) -> JsonObject:
    """The version that is live then. `change_set` is as it was shown, `parts` are those of its parts that are wanted.

    Raises `Conflict` `approval.moved` where the draft or the live version isn't what was shown, `Invalid` for parts that there aren't, and
    whatever deploying raises.
    """
    workflow = str(change_set["workflow"])
    draft = await definitions.draft(asker.workspace_id, workflow)
    if draft["content_hash"] != change_set["content_hash"]:
        raise Conflict(
            _MOVED, "The draft was changed since it was shown. Nothing was deployed; ask for the change set again."
        )
    document = await _document(definitions, asker, change_set, parts, draft["document"])
    version, _ = await definitions.deploy(
        asker.workspace_id,
        asker.user_id,
        workflow,
        note,
        cast("int", draft["revision"]),
        authority=asker.role,
        document=document,
    )
    return version


async def _document(
    definitions: Definitions, asker: Asker, change_set: JsonObject, parts: Sequence[str], draft: Json
) -> Json:
    known = _parts(change_set)
    for name in parts:
        if name not in known:
            raise Invalid("request.invalid", f"The change set has no part {name!r}: it has {', '.join(known)}.")
    if not parts:
        raise Invalid("request.invalid", "Say which parts are meant.")
    if set(parts) == set(known):
        return draft
    shown = await definitions.get(asker.workspace_id, asker.slug, str(change_set["workflow"]))
    number = shown["live_version"]
    if number != change_set["live_version"] or not isinstance(number, int):
        raise Conflict(
            _MOVED,
            "Another version is live than when the parts were shown. Nothing was deployed; ask for the change set again.",
        )
    live = (await definitions.version(asker.workspace_id, str(shown["workflow_id"]), number))["document"]
    chosen = [change for name in parts for change in known[name]]
    return document_of(cast("JsonObject", upgrade(live)), cast("JsonObject", upgrade(draft)), chosen)


def _parts(change_set: JsonObject) -> dict[str, list[Change]]:
    rows = change_set.get("parts")
    found: dict[str, list[Change]] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            changes = row.get("changes")
            found[str(row.get("part"))] = [
                tuple(map(str, change))
                for change in (changes if isinstance(changes, list) else [])
                if isinstance(change, list)
            ]
    return found
