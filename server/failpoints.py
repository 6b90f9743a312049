"""Failpoints where the parts of a process meet: what `db/failpoints.py` describes, for PostgreSQL, for Temporal, and for activities' answers.

    before:carrier.start   after:carrier.start          each verb to Temporal; mid: has no meaning here
    before:activity.NAME   after:activity.NAME          after: its work is committed, and Temporal doesn't hear of it

Each function gives back what it was given when no failpoint is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import cast

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from copilot import names as copilot_names
from db.errors import DatabaseUnavailable
from db.failing import FailingDatabase
from db.failpoints import SCRIPTS, BadFailpoint, Failpoints, named_statements, read_points, writing_statements
from db.pool import Database
from engine import names
from engine.dispatch.executions import CarrierGone, Executions, SignalKind, Start, State
from server.settings import Settings, SettingsError

VERBS = ("start", "wake", "state")
ACTIVITIES = (
    names.RUN_MODULE,
    names.RECORD,
    names.EVALUATE,
    names.LOAD_PAGE,
    names.READ_RESUME,
    names.START_CHILD,
    names.READ_CHILD,
    names.CANCEL_CHILD,
    names.RESPOND,
    copilot_names.THINK,
    copilot_names.USE_TOOL,
    copilot_names.FINISH,
)


@cache
def places() -> tuple[str, ...]:
    """Every border at which something is committed, in order of its name."""
    writes = [*writing_statements(), *SCRIPTS]
    others = [f"carrier.{verb}" for verb in VERBS] + [f"activity.{name}" for name in ACTIVITIES]
    found = [f"{border}:{name}" for name in writes for border in ("before", "mid", "after")]
    found += [f"{border}:{name}" for name in others for border in ("before", "after")]
    return tuple(sorted(found, key=lambda place: (place.partition(":")[2], place)))


def failpoints_of(settings: Settings) -> Failpoints:
    """Those that are set. Raises SettingsError."""
    if settings.failpoint is None:
        return Failpoints()
    # Statements that only read can be named too; they are not among the borders.
    reads = [f"{border}:{name}" for name in named_statements() for border in ("before", "mid", "after")]
    try:
        return read_points(settings.failpoint, [*places(), *reads])
    except BadFailpoint as error:
        raise SettingsError(f"MILLSTREAM_FAILPOINT can't be used: {error}") from error


def failing_database(db: Database, failpoints: Failpoints) -> Database:
    return FailingDatabase(db, failpoints) if failpoints else db


def failing_executions(executions: Executions, failpoints: Failpoints) -> Executions:
    return _Executions(executions, failpoints) if failpoints else executions


def failing_activities(failpoints: Failpoints) -> Sequence[Interceptor]:
    return [_Activities(failpoints)] if failpoints else []


class _Executions:
    def __init__(self, executions: Executions, failpoints: Failpoints) -> None:
        self._executions = executions
        self._failpoints = failpoints

    async def start(self, start: Start) -> bool:
        await self._pass("before:carrier.start")
        begun = await self._executions.start(start)
        await self._pass("after:carrier.start")
        return begun

    async def wake(self, run_id: str, kind: SignalKind, detail: str) -> bool:
        await self._pass("before:carrier.wake")
        there = await self._executions.wake(run_id, kind, detail)
        await self._pass("after:carrier.wake")
        return there

    async def state(self, run_id: str) -> State:
        await self._pass("before:carrier.state")
        found = await self._executions.state(run_id)
        await self._pass("after:carrier.state")
        return found

    async def _pass(self, place: str) -> None:
        await self._failpoints.passing(place, lambda _: CarrierGone(f"the failpoint {place} says so"))


class _Activities(Interceptor):
    def __init__(self, failpoints: Failpoints) -> None:
        self._failpoints = failpoints

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the name of the method that this is
        return _Activity(super().intercept_activity(next), self._failpoints)


class _Activity(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, failpoints: Failpoints) -> None:
        super().__init__(following)
        self._failpoints = failpoints

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 - as above
        name = activity.info().activity_type
        await self._pass(f"before:activity.{name}")
        answer = cast("object", await super().execute_activity(input))
        await self._pass(f"after:activity.{name}")
        return answer

    async def _pass(self, place: str) -> None:
        await self._failpoints.passing(place, lambda _: DatabaseUnavailable(f"the failpoint {place} says so"))
