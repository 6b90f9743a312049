"""A tool with several actions: one schema, one place where each action's arguments, rights and refusals are met.

The schema is flat, `action` an enum and all else optional, since models and endpoints handle unions badly; which
arguments an action takes and needs is checked here and told in one sentence. Whatever an action refuses (`Problem`)
becomes an answer to the model; what it writes is the person's doing in the audit trail, under the mark of the call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from copilot.tools.kit import Kit
from copilot.tools.marking import marked
from copilot.tools.tool import Answer, Asker, JsonObject, Place
from db.actor import Actor, acting_as
from db.workspaces import Role
from engine.expressions.nearest import suggestion
from engine.expressions.values import Json
from engine.problems import Problem, Unavailable

_ROLES: tuple[Role, ...] = ("viewer", "editor", "owner")
_REFUSED_BYTES = 6_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an action. Arguments that are null count as not given."""

    kit: Kit
    asker: Asker
    place: Place
    arguments: Mapping[str, Json]

    def text(self, name: str) -> str | None:
        value = self.arguments.get(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> int | None:
        value = self.arguments.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def limit(self, usual: int, most: int) -> int:
        """The argument `limit`, within its bounds."""
        return max(1, min(self.number("limit") or usual, most))

    def listed(self, name: str) -> list[Json]:
        value = self.arguments.get(name)
        return value if isinstance(value, list) else []

    @property
    def workflow(self) -> str:
        """The one that is named, else the one that the conversation is about. Raises `Problem`."""
        found = self.text("workflow") or self.place.workflow
        if found is None:
            raise Problem(422, "tool.workflow", "Say by `workflow` (its name) which one is meant.")
        return found


@dataclass(frozen=True, slots=True)
class Action:
    """`right` is the one that the person must have. `required` and `optional` name properties of the tool."""

    run: Callable[[Call], Awaitable[Answer]]
    right: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class ActionTool:
    """`properties` are the schemas of all arguments by name, without `action`."""

    name: str
    description: str
    properties: Mapping[str, JsonObject]
    actions: Mapping[str, Action]

    @property
    def parameters(self) -> JsonObject:
        actions: list[Json] = [*self.actions]
        named: JsonObject = {"type": "string", "enum": actions}
        return {
            "type": "object",
            "properties": {"action": named, **self.properties},
            "required": ["action"],
            "additionalProperties": False,
        }

    async def run(self, kit: Kit, asker: Asker, place: Place, arguments: JsonObject) -> Answer:
        given = {name: value for name, value in arguments.items() if value is not None and name != "action"}
        chosen = str(arguments.get("action"))
        action = self.actions.get(chosen)
        if action is None:
            return unfit(f"`{self.name}` has no action {chosen[:60]!r}: {', '.join(self.actions)}.")
        told = self._unfit(chosen, action, given)
        if told is not None:
            return unfit(told)
        if (asker.role, action.right) not in kit.rights:
            return _not_allowed(kit, asker, self.name, chosen, action.right)
        actor = Actor(
            action=action.right,
            route=f"copilot {self.name}.{chosen}",
            request_id=place.mark,
            user_agent="copilot",
            user_id=asker.user_id,
        )
        try:
            with acting_as(actor):
                return await action.run(Call(kit, asker, place, given))
        except Unavailable:
            raise
        except Problem as problem:
            return refused(problem)

    def _unfit(self, chosen: str, action: Action, given: Mapping[str, Json]) -> str | None:
        known = (*action.required, *action.optional)
        for name in given:
            if name not in known:
                hint = suggestion(name, known)
                takes = f"it takes {', '.join(f'`{each}`' for each in known)}" if known else "it takes no arguments"
                return f"`{self.name}.{chosen}` has no argument {name[:60]!r}: {takes}.{hint}"
        missing = [name for name in action.required if name not in given]
        if missing:
            return f"`{self.name}.{chosen}` needs {', '.join(f'`{name}`' for name in missing)}."
        return None


def unfit(sentence: str) -> Answer:
    """The call itself was wrong: one sentence that says how to make it right."""
    return Answer({"error": "tool.arguments", "message": sentence}, error="tool.arguments")


def refused(problem: Problem) -> Answer:
    """What the engine refused. Its sentence may quote what others wrote, so it is marked."""
    found = problem.extra.get("findings")
    told: JsonObject = {"detail": problem.detail}
    if isinstance(found, list):
        told["findings"] = found[:20]
    return Answer({"error": problem.code, "told": marked(told, "engine", _REFUSED_BYTES)}, error=problem.code)


def _not_allowed(kit: Kit, asker: Asker, tool: str, action: str, right: str) -> Answer:
    able = [role for role in _ROLES if (role, right) in kit.rights]
    who = " or ".join(f"an {role}" for role in able) or "nobody"
    asked = f"The person you act for is a {asker.role} and may not do `{tool}.{action}`."
    sentence = f"{asked} {who[0].upper()}{who[1:]} of this workspace can: say so to them."
    return Answer({"error": "auth.forbidden", "message": sentence}, error="auth.forbidden")
