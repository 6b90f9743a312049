"""The executions that carry runs, as the dispatcher and the reconciler see them: start one, wake one, look at one.

A seam: what starts and what wakes is Temporal's client here; a rehearsal over another carrier needs only these three verbs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, assert_never

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from engine import names

_PATIENCE = 5.0
"""Seconds that a start may take: the client itself goes on trying for longer, while runs and whoever cancels them would rather know."""

SignalKind = Literal["cancel", "resume", "child"]


class CarrierGone(Exception):
    """Temporal can't be reached, or is too busy to answer: nothing is wrong with the run, try again later."""


class CannotStart(Exception):
    """This run can't be started as it stands, however often it is tried. The message is for the run's log."""


class State(StrEnum):
    """What Temporal knows of a run."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """Never heard of, or forgotten."""


@dataclass(frozen=True, slots=True)
class Start:
    """`recovered`: the run began before, and its execution was lost or ended without the run's end."""

    run_id: str
    workspace_id: int
    recovered: bool


class Executions(Protocol):
    async def start(self, start: Start) -> bool:
        """Start it, or find it started already. False: an execution of this id was there and has closed. Raises CarrierGone, CannotStart."""
        ...

    async def wake(self, run_id: str, kind: SignalKind, detail: str) -> bool:
        """Tell an open execution to look at its rows; False when there is none. Raises CarrierGone."""
        ...

    async def state(self, run_id: str) -> State:
        """Raises CarrierGone."""
        ...


StartRun = Callable[[Start], Awaitable[object]]


class TemporalExecutions:
    """Over one client. `start_run` builds the arguments and starts: see `engine/dispatch/launch.py`."""

    def __init__(self, client: Client, start_run: StartRun) -> None:
        self._client = client
        self._start_run = start_run

    async def start(self, start: Start) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._start_run(start)
        except TimeoutError as error:
            raise CarrierGone(f"a start was not answered within {_PATIENCE:g} s") from error
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise CannotStart(f"Temporal refused the run: {error.message}") from error
            raise CarrierGone(str(error)) from error
        return True

    async def wake(self, run_id: str, kind: SignalKind, detail: str) -> bool:
        handle = self._client.get_workflow_handle(run_id)
        try:
            await handle.signal(_signal(kind), detail)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise CarrierGone(str(error)) from error
        return True

    async def state(self, run_id: str) -> State:
        try:
            found = await self._client.get_workflow_handle(run_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return State.UNKNOWN
            raise CarrierGone(str(error)) from error
        if found.status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            return State.OPEN
        return State.CLOSED


def _signal(kind: SignalKind) -> str:
    match kind:
        case "cancel":
            return names.SIGNAL_CANCEL
        case "resume":
            return names.SIGNAL_RESUME
        case "child":
            return names.SIGNAL_CHILD
        case _:
            assert_never(kind)
