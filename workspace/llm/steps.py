"""Language models as workflows' steps ask them: the same way as everybody's, on record under the run and the step's path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from db.ids import RunId, WorkspaceId
from modules.sdk.json import JsonObject
from modules.sdk.llm import Llm, Prompt, Reply
from modules.sdk.verdicts import ModuleError
from workspace.connections.opening import Opened
from workspace.egress.guard import Guard
from workspace.llm.asking import Ask, Delta, ModelProblem, Purpose, Said
from workspace.llm.chat import Models
from workspace.llm.endpoint import connection_endpoint
from workspace.secrets.used import Used


@dataclass(frozen=True, slots=True)
class AskingStep:
    """Which attempt asks. `used`: the secrets that its run has read."""

    workspace_id: int
    run_id: str
    path: str
    attempt: int
    used: Used


@dataclass(frozen=True, slots=True)
class StepModels:
    """Implements `Llm`. `guard`: what connections of the workspace may reach."""

    models: Models
    guard: Guard
    step: AskingStep
    opened: Opened | None

    async def ask(self, prompt: Prompt, hears: Callable[[str], None]) -> Reply:
        step = self.step
        purpose = Purpose(
            "module",
            WorkspaceId(step.workspace_id),
            run_id=RunId(UUID(step.run_id)),
            path=step.path,
            attempt=step.attempt,
        )
        ask = Ask(
            prompt.messages,
            model=prompt.model,
            json_schema=prompt.json_schema,
            temperature=prompt.temperature,
            max_tokens=prompt.max_tokens,
        )

        def heard(delta: Delta) -> None:
            if delta.kind == "text":
                hears(delta.text)

        endpoint = None if self.opened is None else connection_endpoint(self.opened, self.guard)
        try:
            said = await self.models.say(purpose, ask, heard, endpoint=endpoint, hide=step.used.values)
        except ModelProblem as problem:
            raise ModuleError(
                problem.code,
                problem.message,
                details={} if problem.status is None else {"status": problem.status},
                retryable=problem.retry,
                retry_after=problem.retry_after,
            ) from None
        return Reply(said.text, said.json, _usage(said))


def llm_over(models: Models, guard: Guard) -> Callable[[AskingStep, Opened | None], Llm]:
    def of(step: AskingStep, opened: Opened | None) -> Llm:
        return StepModels(models, guard, step, opened)

    return of


def _usage(said: Said) -> JsonObject:
    usage = said.usage
    return {
        "model": said.model,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
        "source": usage.source,
        "cost_usd": None if said.cost_usd is None else float(said.cost_usd),
    }
