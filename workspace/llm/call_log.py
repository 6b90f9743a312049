"""The rows of calls: each stands before its request is sent, and has ended before whoever asked hears of it.

A database that is away for a moment doesn't cost an answer: the end is written again and again, for a while. Open calls of the process have
their leases put off together; a process that dies leaves them to run out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from db import copilot_llm_calls, variables
from db.copilot_llm_calls import Call, End, Start
from db.errors import DatabaseError, DatabaseUnavailable
from db.ids import RunId, WorkspaceId
from db.pool import Database
from modules.sdk.json import Json, JsonObject
from workspace.keys import KeyProblem
from workspace.secrets.redactor import Redactor
from workspace.secrets.secret import texts_of
from workspace.secrets.variables import SecretVariables

log = logging.getLogger("millstream.models")

LEASE_S: Final = 30.0
_PUT_OFF_S = 8.0
_PATIENCE_S = 20.0
_LAST_WORDS_S = 5.0
_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_TRIES = 20
_LONGEST_URL = 64 * 1024

T = TypeVar("T")


class CallLog:
    """One per process. `days`: how long bodies are kept."""

    def __init__(self, db: Database, secrets: SecretVariables, *, days: int) -> None:
        self._db = db
        self._secrets = secrets
        self._days = days
        self._open: set[UUID] = set()
        self._keeping: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None

    async def redactor(self, workspace_id: WorkspaceId, more: Sequence[str]) -> Redactor:
        """Of all secrets of the workspace, and `more`. What can't be opened was never read by anybody."""
        async with self._db.engine(workspace_id) as connection:
            _, names = await variables.at_start(connection, workspace_id)
        found = list(more)
        if names:
            try:
                opened = await self._secrets.open(workspace_id, sorted(names))
            except KeyProblem:
                opened = {}
            for secret in opened.values():
                found.extend(texts_of(secret.now.reveal()))
                if secret.former is not None:
                    found.extend(texts_of(secret.former.reveal()))
        return Redactor(found)

    async def answer(self, workspace_id: WorkspaceId, turn_id: UUID, step: int) -> tuple[Call, Json] | None:
        """What the step of a turn was answered, and its body; what earlier attempts left open is interrupted."""
        async with self._db.engine(workspace_id) as connection:
            left = await copilot_llm_calls.enter(connection, workspace_id, turn_id, step)
            found = await copilot_llm_calls.answer(connection, workspace_id, turn_id, step)
            if found is None or found.response_hash is None:
                if left:
                    log.info(
                        "%d calls of step %d of the turn %s were left open by a process that died", left, step, turn_id
                    )
                return None
            return found, await copilot_llm_calls.body(connection, workspace_id, found.response_hash)

    async def answer_of_attempt(
        self, workspace_id: WorkspaceId, run_id: RunId, path: str, attempt: int, request: Json
    ) -> tuple[Call, Json] | None:
        """What an attempt at a run's step was answered to the same request, before its process died."""
        async with self._db.single() as connection:
            found = await copilot_llm_calls.answer_of_attempt(connection, workspace_id, run_id, path, attempt, request)
            if found is None or found.response_hash is None:
                return None
            return found, await copilot_llm_calls.body(connection, workspace_id, found.response_hash)

    async def start(self, new: Start) -> None:
        """From now on the call is on record. Raises `DatabaseUnavailable`: then nothing was sent."""
        for _ in range(_TRIES):
            async with self._db.single() as connection:
                if await copilot_llm_calls.start(connection, new, days=self._days, lease_s=LEASE_S):
                    self._open.add(new.call_id)
                    self._keep()
                    return
        raise DatabaseUnavailable("other attempts at the same step of the turn took every number")

    async def finish(
        self, workspace_id: WorkspaceId, call_id: UUID, end: End, *, cost: Callable[[], Awaitable[End]]
    ) -> bool:
        """False: the call isn't ours any more. `cost` gives the end with what it cost. Raises `DatabaseUnavailable`."""

        again = False

        async def work() -> bool:
            nonlocal again
            whole = await cost()
            async with self._db.engine(workspace_id) as connection:
                if await copilot_llm_calls.finish(connection, workspace_id, call_id, whole, days=self._days):
                    return True
                # One that was written although the database didn't say so any more: nobody else gives a call such an end.
                found = await copilot_llm_calls.get(connection, workspace_id, call_id) if again else None
                return found is not None and found.status == end.status

        async def noting() -> bool:
            nonlocal again
            try:
                return await work()
            finally:
                again = True

        # Who is called off in this moment doesn't take back what was answered.
        writing = asyncio.ensure_future(_patiently(noting))
        writing.add_done_callback(lambda done: self._written(call_id, done))
        return await asyncio.shield(writing)

    async def last_words(self, workspace_id: WorkspaceId, call_id: UUID, end: End) -> None:
        """The end of a call whose caller is gone: tried once. What isn't written is found by the sweep."""

        async def work() -> None:
            try:
                async with asyncio.timeout(_LAST_WORDS_S), self._db.engine(workspace_id) as connection:
                    await copilot_llm_calls.finish(connection, workspace_id, call_id, end, days=self._days)
            except (DatabaseError, TimeoutError) as error:
                log.info("the end of the call %s couldn't be written: %s", call_id, error)
            finally:
                self._open.discard(call_id)

        await asyncio.shield(asyncio.ensure_future(work()))

    def _written(self, call_id: UUID, done: asyncio.Future[bool]) -> None:
        self._open.discard(call_id)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.info("the end of the call %s couldn't be written: %s", call_id, error)

    def _keep(self) -> None:
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._put_off(), name="leases of model calls")

    async def _put_off(self) -> None:
        """While any call is open."""
        while self._open:
            await asyncio.sleep(_PUT_OFF_S)
            mine = list(self._open)
            if not mine:
                return
            try:
                async with self._db.single() as connection:
                    await copilot_llm_calls.put_off(connection, mine, LEASE_S)
            except DatabaseError as error:
                log.info("the leases of %d model calls couldn't be put off: %s", len(mine), error)


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    pause, until = _PAUSE_S, time.monotonic() + _PATIENCE_S
    while True:
        try:
            return await work()
        except DatabaseUnavailable:
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)


def shown(redactor: Redactor, body: JsonObject) -> Json:
    """A body as its row keeps it: without secrets, and without pictures, of which the beginning and the length stay."""
    return redactor.json(_small(body))


def _small(value: Json) -> Json:
    if isinstance(value, str):
        if len(value) > _LONGEST_URL and value.startswith("data:"):
            return f"{value[: value.find(',') + 33]}… ({len(value):,} characters)"
        return value
    if isinstance(value, list):
        return [_small(item) for item in value]
    if isinstance(value, dict):
        return {name: _small(item) for name, item in value.items()}
    return value
