"""What a tool of the copilot is: the one interface between the loop and whatever the model may ask for.

A tool acts for a person (`Asker`), never for the model: workspace, user and role come from the turn's row. What it reads stands in its answer as
data with its source (`copilot/tools/marking.py`), for names, notes, logs, mails and bodies are written by others. What reaches the world beyond
a draft isn't done by a tool: it gives a `Wanted`, which a person decides on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias
from uuid import UUID

from db.ids import RunId, UserId, WorkspaceId
from db.workspaces import Role
from engine.expressions.values import Json

if TYPE_CHECKING:
    from copilot.tools.kit import Kit

JsonObject: TypeAlias = "dict[str, Json]"
Deed: TypeAlias = Literal["deploy", "replay"]
"""What may be wanted. Each is done by the one who approves it, with their own role."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The person for whom the copilot acts. `slug` is the workspace's, `name` for people."""

    workspace_id: WorkspaceId
    slug: str
    user_id: UserId | None
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call comes from, and what its conversation is bound to: a workflow (id or name), a run, or nothing."""

    conversation_id: UUID
    turn_id: UUID
    call_id: str
    workflow: str | None = None
    run: RunId | None = None

    @property
    def mark(self) -> str:
        """By which a write of this call is known again after a crash."""
        return f"{self.turn_id}:{self.call_id}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person is asked to approve.

    `content_hash`: for `deploy` of the draft's document, else of the canonical form of `change_set["deed"]`. `change_set` is what the person is
    shown, as `copilot/evidence/change_set.py` has it for `deploy`; for `replay` `{"deed": {"action", "run_id", "request"}, "effects": …}`.
    """

    action: Deed
    workflow: str
    content_hash: str
    change_set: JsonObject


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gave.

    `content` goes to the model; it is bounded, and `{"data": …, "source": …}` marks in it what others wrote. `fact` is for the person's stream.
    `approval` and `question` (`{"text", "options"}`) end the turn. `error` is a code, the signature by which a repeated failure is known.
    """

    content: Json
    fact: JsonObject | None = None
    approval: Wanted | None = None
    question: JsonObject | None = None
    error: str | None = None


class Tool(Protocol):
    """One file `copilot/tools/<name>.py` that exports `TOOL`."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> JsonObject:
        """A closed JSON Schema of an object. Where the tool has several actions, `action` is an enum."""
        ...

    async def run(self, kit: Kit, asker: Asker, place: Place, arguments: JsonObject) -> Answer:
        """`arguments` fit `parameters`. Refusals are answers with an `error`; only an absent database is raised (`Unavailable`)."""
        ...
