"""`deploy`: asks the person to make a draft live, with all that they should know of it; or shows them that without asking.

Nothing is deployed here. What is asked for is bound to the draft's content hash, and done by whoever approves it, with their own role.
"""

from __future__ import annotations

from typing import Final, cast

from copilot.evidence.change_set import ChangeSet, change_set
from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked, shortened
from copilot.tools.secret_texts import hidden
from copilot.tools.tool import Answer, JsonObject, Wanted
from engine.expressions.values import Json

_LONGEST_NOTE: Final = 500
_SUMMARY: Final = 6_000


async def _request(call: Call) -> Answer:
    note = call.text("note")
    shown = await change_set(call.kit, call.asker, call.workflow, None if note is None else _note(note))
    errors = _errors(shown)
    if errors:
        told: JsonObject = {"findings": errors}
        message = (
            "The draft has errors, so it can't be deployed and the person was not asked. Mend these and ask again."
        )
        return Answer(
            {"error": "document.invalid", "message": message, "told": marked(told, "engine", _SUMMARY)},
            error="document.invalid",
        )
    if not shown["parts"]:
        message = "The draft is what is live already: there is nothing to deploy, and the person was not asked."
        return Answer({"error": "deploy.nothing", "message": message}, error="deploy.nothing")
    message = "The person is asked to approve this draft, and sees the change set. Your turn ends here; you are told what they decide."
    wanted = Wanted("deploy", str(shown["workflow"]), str(shown["content_hash"]), shown)
    return Answer({"asked": True, "message": message, **_counts(shown)}, approval=wanted)


async def _show(call: Call) -> Answer:
    shown = await change_set(call.kit, call.asker, call.workflow)
    told: JsonObject = {key: shown[key] for key in ("findings", "tests", "effects", "stands_out", "not_checked")}
    simulation = cast("JsonObject", shown["simulation"])
    told["simulation"] = {key: simulation[key] for key in ("status", "from", "error")}
    content: JsonObject = {**_counts(shown), "told": marked(told, "document", _SUMMARY)}
    return Answer(content, fact={"kind": "change_set", **shown})


def _note(text: str) -> str:
    return str(hidden(shortened(text, _LONGEST_NOTE)))


def _errors(shown: ChangeSet) -> list[Json]:
    return [
        one for one in cast("list[Json]", shown["findings"]) if isinstance(one, dict) and one["severity"] == "error"
    ]


def _counts(shown: ChangeSet) -> JsonObject:
    """Numbers and hashes alone: nothing that others wrote."""
    tests, simulation = cast("JsonObject", shown["tests"]), cast("JsonObject", shown["simulation"])
    return {
        "revision": shown["revision"],
        "content_hash": shown["content_hash"],
        "tests_passed": tests["passed"],
        "tests_failed": tests["failed"],
        "simulation": simulation["status"],
        "stands_out": len(cast("list[Json]", shown["stands_out"])),
        "not_checked": len(cast("list[Json]", shown["not_checked"])),
        "parts": len(cast("list[Json]", shown["parts"])),
    }


TOOL = ActionTool(
    name="deploy",
    description=(
        "What a draft would change, and asking the person to make it live. `request` tests and simulates the draft, shows the person the "
        "change set and asks for their approval; your turn ends with it, and nothing is deployed unless they approve. `show` shows them the "
        "same without asking: end a turn with it in which you edited a draft that they did not ask to deploy."
    ),
    properties={
        "workflow": {"type": "string", "description": "name or id; without it the one that the conversation is about"},
        "note": {"type": "string", "description": "what changed and why, in a sentence, for the version's history"},
    },
    actions={
        "request": Action(_request, "workflows.deploy", optional=("workflow", "note")),
        "show": Action(_show, "workflows.test", optional=("workflow",)),
    },
)
