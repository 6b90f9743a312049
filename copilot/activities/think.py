"""One step of a turn: the model is asked, and what it says is kept, once.

    the step's row is there ──────────────────────────────► it tells
    else: the conversation as messages ──► the model call (its own log row keeps the answer before we have it) ──► the step's row, and facts

A crash before the step's row costs nothing: the call's row has the answer, and gives it again. A crash during the call costs the call; watchers
are told to forget what they read of it, since the next attempt's text begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from copilot import names
from copilot.activities.beating import beating
from copilot.activities.turn_rows import Talk, TurnOver, read_talk
from copilot.core.facts import Delta
from copilot.core.history import PastTurn, messages_of, older
from copilot.people import loaded
from copilot.prompting import Prompt, prompt
from copilot.tools.registry import Tools
from copilot.whispers import Whispers
from db import copilot
from db.copilot import TurnStep
from db.errors import DatabaseUnavailable
from db.ids import TurnId, WorkspaceId
from db.json import Json
from db.pool import Database
from engine.hub import Hub
from workspace.llm.asking import Ask, ModelProblem, PromptName, Purpose, Said
from workspace.llm.asking import Delta as Piece
from workspace.llm.chat import Models

JsonObject = dict[str, Json]

ROOM = 60_000
"""Tokens of a conversation that go to the model as they were said; what is older goes summed up."""
KEPT_TURNS = 4
_MILLION = 1_000_000


class Thinker:
    """`cost_limit`: of one turn, in dollars, None for none."""

    def __init__(
        self, db: Database, hub: Hub, whispers: Whispers, models: Models, tools: Tools, cost_limit: float | None
    ) -> None:
        self._db = db
        self._hub = hub
        self._whispers = whispers
        self._models = models
        self._tools = tools
        self._cost_limit = cost_limit

    @activity.defn(name=names.THINK)
    async def think(self, given: object) -> JsonObject:
        """`{workspace_id, turn_id, step}` → `{calls, tokens, cost, cut, cost_limit}`; cost in millionths of a dollar."""
        told = cast("JsonObject", given)
        workspace_id, step = WorkspaceId(int(cast("int", told["workspace_id"]))), int(cast("int", told["step"]))
        turn_id = TurnId(UUID(str(told["turn_id"])))
        async with beating():
            try:
                async with self._db.engine(workspace_id) as conn:
                    talk = await read_talk(conn, workspace_id, turn_id)
                    await copilot.started(conn, workspace_id, turn_id)
                if talk.turn.cancel_requested_at is not None:
                    raise asyncio.CancelledError
                if (known := talk.steps.get(step)) is not None:
                    return self._answer(known, None)
                said = await self._say(talk, step)
                return self._answer(await self._keep(talk, step, said), said)
            except TurnOver:
                raise ApplicationError("The turn has ended.", type="turn.over", non_retryable=True) from None
            except ModelProblem as problem:
                raise ApplicationError(
                    problem.message,
                    type=problem.code,
                    non_retryable=not problem.retry,
                    next_retry_delay=_delay(problem),
                ) from problem
            except DatabaseUnavailable as error:
                raise ApplicationError(str(error), type="database.unavailable") from error

    async def _say(self, talk: Talk, step: int) -> Said:
        turn = talk.turn
        asker = loaded(turn.workspace_id, turn.asker)
        system = prompt("copilot")
        purpose = Purpose(
            purpose="chat",
            workspace_id=turn.workspace_id,
            user_id=asker.user_id,
            conversation_id=turn.conversation_id,
            turn_id=turn.turn_id,
            message_id=turn.answer_id,
            step=step,
            attempt=activity.info().attempt,
            prompt=_named(system),
            temporal=(activity.info().workflow_id or "", activity.info().workflow_run_id or ""),
        )
        summary, past = await self._summed(talk, purpose)
        ask = Ask(messages_of(system.text, _about(talk), summary, past), tools=self._tools.functions())
        return await self._models.say(purpose, ask, self._teller(talk, step))

    async def _summed(self, talk: Talk, purpose: Purpose) -> tuple[str | None, tuple[PastTurn, ...]]:
        """What is too old to be told word by word, and the rest."""
        kept, past = await self._contexts(talk)
        count = older(past, KEPT_TURNS, ROOM)
        if count == 0:
            return kept, past
        words = prompt("compact")
        ask = Ask(
            [
                {"role": "system", "content": words.text},
                *messages_of("", "", kept, past[:count])[1:],
                {"role": "user", "content": "Sum it up."},
            ]
        )
        said = await self._models.say(replace(purpose, purpose="compact", step=0, prompt=_named(words)), ask)
        async with self._db.engine(talk.turn.workspace_id) as conn:
            await copilot.put_context(
                conn,
                talk.turn.workspace_id,
                talk.turn.conversation_id,
                kind="summary",
                body=said.text,
                covers=TurnId(UUID(past[count - 1].turn_id)),
                tokens=said.usage.output,
                model=said.model,
                prompt=f"{words.name} {words.version}",
            )
        return said.text, past[count:]

    async def _contexts(self, talk: Talk) -> tuple[str | None, tuple[PastTurn, ...]]:
        async with self._db.engine(talk.turn.workspace_id) as conn:
            context = await copilot.context(conn, talk.turn.workspace_id, talk.turn.conversation_id, "summary")
        if context is None:
            return None, talk.past
        # Turns' ids are in the order of time.
        return context.body, tuple(one for one in talk.past if UUID(one.turn_id) > context.covers)

    def _teller(self, talk: Talk, step: int) -> Callable[[Piece], None]:
        message_id, topic = _message(talk, step), str(talk.turn.conversation_id)
        told = 0

        def tell(piece: Piece) -> None:
            nonlocal told
            if piece.kind == "text" and piece.text:
                self._whispers.tell(topic, Delta(message_id, told, piece.text))
                told += len(piece.text)

        return tell

    async def _keep(self, talk: Talk, step: int, said: Said) -> TurnStep:
        turn = talk.turn
        calls: list[Json] = [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in said.tool_calls]
        tokens = (said.usage.input or 0) + (said.usage.output or 0)
        row = TurnStep(turn.turn_id, step, said.text, calls, said.finish, tokens)
        facts: list[Json] = []
        if said.text:
            facts.append({"kind": "text", "message_id": _message(talk, step), "text": said.text})
        async with self._db.engine(turn.workspace_id) as conn:
            if await copilot.hold_turn(conn, turn.workspace_id, turn.turn_id) is None:
                raise TurnOver(str(turn.turn_id))
            if await copilot.put_step(conn, turn.workspace_id, row, said.cost_usd) and facts:
                await copilot.tell(conn, turn.workspace_id, turn.conversation_id, turn.turn_id, facts)
        self._hub.publish(int(turn.workspace_id), str(turn.conversation_id))
        return row

    def _answer(self, step: TurnStep, said: Said | None) -> JsonObject:
        cost = 0 if said is None or said.cost_usd is None else int(said.cost_usd * _MILLION)
        return {
            "calls": len(cast("list[Json]", step.calls)),
            "tokens": step.tokens or 0,
            "cost": cost,
            "cut": step.finish == "length",
            "cost_limit": None if self._cost_limit is None else int(self._cost_limit * _MILLION),
        }


def _message(talk: Talk, step: int) -> str:
    return f"{talk.turn.answer_id}:{step}"


def _about(talk: Talk) -> str:
    one = talk.conversation
    if one.run_id is not None:
        return f"This conversation is about the run {one.run_id} of the workflow {one.workflow!r}."
    return "" if one.workflow is None else f"This conversation is about the workflow {one.workflow!r}."


def _named(words: Prompt) -> PromptName:
    return PromptName(words.name, str(words.version), words.hash)


def _delay(problem: ModelProblem) -> timedelta | None:
    return None if problem.retry_after is None else timedelta(seconds=min(problem.retry_after, 60.0))
