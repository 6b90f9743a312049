"""One way to call an activity from a run: locally if that is safe, else through Temporal's server.

A local call costs no dispatch, but it lives and dies with its workflow task. Whenever one fails for whatever reason (time, PostgreSQL
gone, a worker that stops) the same call is made again as an ordinary activity, which Temporal repeats until it answers. So no call is
ever lost, and each activity must bear being called twice for the same thing.

Each call has an id of its number and of what it is about (a digest: ids aren't encrypted). Temporal compares ids when it replays, so code that
makes the calls of a history in another order, or others, is found out at the first one.

Cancelling. Temporal turns the cancellation of an awaiting task into a request, and gives back whatever the activity then answers; here a
task that was cancelled meanwhile always sees `CancelledError`, as the interpreter expects.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from datetime import timedelta
from typing import cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from engine.expressions.values import Json
    from engine.payloads import InProcess
    from engine.workflows.budget import ORDINARY_AT_ONCE, LocalBudget

JsonObject = dict[str, Json]

LOCAL_LIMIT = timedelta(seconds=10)
"""Of one local call. Calls that take over a second answer `deferred` long before."""
SHORT_LIMIT = timedelta(seconds=60)
"""Of one attempt at an ordinary activity without a heartbeat."""
LONG_LIMIT = timedelta(days=30)
"""Of an ordinary activity that beats. Its real limit is its own; a lost worker shows by the missing beat."""
HEARTBEAT = timedelta(seconds=3)

_ONCE = RetryPolicy(maximum_attempts=1)
_FOR_EVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=5)
)


class ActivityCalls:
    """All calls of one run share the budget."""

    def __init__(self) -> None:
        self.budget = LocalBudget()
        self._made = 0
        self._room = asyncio.Semaphore(ORDINARY_AT_ONCE)

    async def local(self, name: str, argument: JsonObject, about: str) -> JsonObject | None:
        """The answer, or None when it has to be asked for by `ordinary`."""
        if not self.budget.allows():
            return None
        call = workflow.execute_local_activity(
            name,
            InProcess(argument),
            activity_id=self._id(name, about),
            start_to_close_timeout=LOCAL_LIMIT,
            retry_policy=_ONCE,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        self.budget.begin()
        size: Json = 0
        try:
            answer = await _or_cancelled(call)
            size = answer.get("size")
        except FailureError:  # of a local activity, Temporal gives what it failed with, bare
            return None
        finally:
            self.budget.end(size if isinstance(size, int) else 0)
        return answer

    async def ordinary(self, name: str, argument: JsonObject, about: str, *, beats: bool = False) -> JsonObject:
        """Waits until some worker has answered."""
        async with self._room:
            return await self._ordinary(name, argument, about, beats=beats)

    async def _ordinary(self, name: str, argument: JsonObject, about: str, *, beats: bool) -> JsonObject:
        call = workflow.execute_activity(
            name,
            argument,
            activity_id=self._id(name, about),
            start_to_close_timeout=LONG_LIMIT if beats else SHORT_LIMIT,
            heartbeat_timeout=HEARTBEAT if beats else None,
            retry_policy=_FOR_EVER,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        answer = await _or_cancelled(call)
        self.budget.round_trip()
        return answer

    async def anyhow(self, name: str, argument: JsonObject, about: str) -> JsonObject:
        """Locally first, else through the server. For short work on the database."""
        answer = await self.local(name, argument, about)
        return answer if answer is not None else await self.ordinary(name, argument, about)

    def _id(self, name: str, about: str) -> str:
        self._made += 1
        digest = hashlib.blake2s(about.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
        return f"{self._made}-{name}-{digest}"


async def _or_cancelled(call: Awaitable[object]) -> JsonObject:
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        answer = await call
    except FailureError as error:
        if task.cancelling() > before or is_cancelled_exception(error):
            raise asyncio.CancelledError from None
        raise
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return cast("JsonObject", answer)
