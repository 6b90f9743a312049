"""What is asked of a language model and what it says, as whoever asks sees it.

ModelProblem    why there is no answer; `retry` tells whether the same request may get one later

code                 who can mend it
llm.unset            whoever runs the installation: no model server is set, or no model
llm.key              whoever gave the key: the model server refuses it
llm.model_unknown    whoever chose the model, or the address of the server
llm.refused          whoever wrote the request: the server can't do what it asks for
llm.context          whoever wrote it: it is longer than the model reads
llm.filtered         nobody: the server's filter held back the answer
llm.blocked          whoever runs the installation: the egress guard refuses the address
llm.budget           whoever owns the workspace: the day's budget is used up
llm.too_large        whoever wrote the request: the answer is longer than is taken
llm.rate llm.server llm.timeout llm.cut llm.empty llm.malformed     the same request again, later
llm.cancelled        nobody: it isn't wanted any more
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from uuid import UUID

from db.copilot_llm_calls import PurposeName, UsageSource
from db.ids import RunId, UserId, WorkspaceId
from modules.sdk.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class PromptName:
    """A prompt of ours: `hash` is of its bytes."""

    name: str
    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a call is for; all of it goes into the call's row. `run_id` and `path` are of a workflow's step, `temporal` a workflow's id and its
    run's."""

    purpose: PurposeName
    workspace_id: WorkspaceId
    user_id: UserId | None = None
    conversation_id: UUID | None = None
    turn_id: UUID | None = None
    message_id: UUID | None = None
    run_id: RunId | None = None
    path: str | None = None
    step: int = 0
    attempt: int = 1
    parent_id: UUID | None = None
    subject: str | None = None
    prompt: PromptName | None = None
    temporal: tuple[str, str] | None = None
    trace_id: str | None = None


ToolChoice = Literal["auto", "none", "required"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as OpenAI's protocol has it. `model` None: the endpoint's own. `json_schema`: the answer is JSON that fits it."""

    messages: list[JsonObject]
    tools: list[JsonObject] = field(default_factory=list[JsonObject])
    model: str | None = None
    json_schema: JsonObject | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    tool_choice: ToolChoice = "auto"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is the text that the model wrote, which may be no JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; None: not told. `input` contains what was read from a cache and written to one."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    source: UsageSource | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer on its way: of its text, or of the arguments of a tool's call (the first one of a call is the tool's name)."""

    kind: Literal["text", "tool"]
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """A whole answer. `call_id` is its row; `json` is what was asked for by `json_schema`; `cost_usd` None: the price isn't known."""

    call_id: UUID
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: str
    json: Json
    usage: Usage
    cost_usd: Decimal | None
    model: str


ProblemCode = Literal[
    "llm.unset",
    "llm.key",
    "llm.model_unknown",
    "llm.refused",
    "llm.context",
    "llm.filtered",
    "llm.rate",
    "llm.server",
    "llm.timeout",
    "llm.cut",
    "llm.empty",
    "llm.malformed",
    "llm.too_large",
    "llm.budget",
    "llm.blocked",
    "llm.cancelled",
]


class ModelProblem(Exception):
    """There is no answer. `status` is the model server's, None where it gave none; `retry_after` are seconds."""

    def __init__(
        self,
        code: ProblemCode,
        message: str,
        *,
        status: int | None = None,
        retry: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.retry = retry
        self.retry_after = retry_after
