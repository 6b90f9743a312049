"""Times of schedules become events: each once, whoever looks, whatever the clock does."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db import inbox, workflows
from db.ids import WorkflowId
from db.inbox import Event
from db.pool import Database
from engine.expressions.values import Json
from engine.hub import Hub
from engine.triggers.scheduler import Scheduler
from engine.triggers.timetable import Timetable
from tests.db.data_of_tests import Tenant, tenant, workflow
from tests.engine.spec.wall_clock import due

BEGIN = datetime(2026, 3, 28, 12, tzinfo=UTC)
"""The day before clocks go forward in Berlin."""
BACK = datetime(2026, 10, 31, 12, tzinfo=UTC)
"""The day before they go back in New York; in Berlin they did a week before."""
OVERLAPS = ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]


class Clock:
    def __init__(self, now: datetime = BEGIN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def document(**triggers: dict[str, Json]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": "w",
        "triggers": {
            name: {"module": "schedule.trigger", "version": 1, "inputs": inputs} for name, inputs in triggers.items()
        },
        "steps": {"a": {"module": "core.log", "version": 1, "inputs": {"message": "m"}}},
    }


async def bound(
    db: Database, owner: Tenant, clock: Clock, workflow_id: WorkflowId, **triggers: dict[str, Json]
) -> None:
    async with db.tenant(owner.workspace_id) as connection:
        await Timetable(clock).bind(connection, owner.workspace_id, workflow_id, document(**triggers))


def scheduler(db: Database, clock: Clock) -> Scheduler:
    """What only enters times, and starts nothing."""
    nobody: Any = None
    return Scheduler(db, Hub(), nobody, nobody, clock)


async def looked(db: Database, clock: Clock) -> None:
    one = scheduler(db, clock)
    while await one.round():
        pass


async def events(db: Database, owner: Tenant) -> list[Event]:
    async with db.tenant(owner.workspace_id) as connection:
        return await inbox.list_events(connection, owner.workspace_id, None, 100_000)


async def entered(db: Database, owner: Tenant) -> list[tuple[str, str]]:
    """Trigger and time of each that waits, in the order of their events."""
    found = [event for event in await events(db, owner) if event.verdict == "waiting"]
    return [(str(event.trigger_id), str(event.dedupe_key)) for event in reversed(found)]


def expected(inputs: dict[str, Json], start: datetime, end: datetime) -> list[str]:
    """Told without the code that is tried."""
    if "every" in inputs:
        length = {"10m": 600, "45m": 2_700, "1h": 3_600}[str(inputs["every"])]
        first = int(start.timestamp()) // length + 1
        times = [datetime.fromtimestamp(n * length, UTC) for n in range(first, int(end.timestamp()) // length + 1)]
    else:
        times = due(str(inputs["cron"]), str(inputs["timezone"]), start, end)
    return [time.isoformat().replace("+00:00", "Z") for time in times]


def short(times: list[tuple[str, str]], trigger: str) -> list[str]:
    return [time for name, time in times if name == trigger]


@pytest.mark.parametrize(
    ("seed", "begin", "count"),
    [
        (0, BEGIN, 40),
        (1, BACK, 40),
        pytest.param(2, BEGIN, 200, marks=pytest.mark.slow),
        pytest.param(3, BACK, 200, marks=pytest.mark.slow),
    ],
)
async def test_many_schedules_over_a_change_of_clocks_an_outage_and_jumps(
    db: Database, seed: int, begin: datetime, count: int
) -> None:
    """What comes is what should: each time has one event, which waits or says why it doesn't, whatever is done where runs overlap."""
    owner, clock, chance = await tenant(db), Clock(begin), random.Random(seed)
    crons = ["30 2 * * *", "*/20 * * * *", "0 3 * * *", "15 */2 * * *", "30 1 * * *", "0 0,2,3 * * *"]
    wanted: dict[str, dict[str, Json]] = {}
    for number in range(count):
        timing: dict[str, Json] = (
            {"every": chance.choice(["10m", "1h", "45m"])}
            if number % 3
            else {
                "cron": chance.choice(crons),
                "timezone": chance.choice(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
            }
        )
        wanted[f"t{number}"] = {
            **timing,
            "catchup_window": "3h",
            "overlap": OVERLAPS[number % len(OVERLAPS)],
            "jitter": chance.choice(["0s", "5m"]),
        }
    await bound(db, owner, clock, owner.workflow_id, **wanted)
    end = begin + timedelta(hours=36)
    while clock.now < end:
        step = chance.choice([1, 5, 17, 40, 120])  # the last one is an outage of two hours
        clock.now = min(end, clock.now + timedelta(minutes=step))
        if chance.random() < 0.1:
            clock.now -= timedelta(minutes=30)  # a clock that is put right
        await asyncio.gather(*(looked(db, clock) for _ in range(2)))
    clock.now = end + timedelta(minutes=6)  # what jitter held back
    await looked(db, clock)
    last = end.isoformat().replace("+00:00", "Z")
    got: dict[str, list[str | None]] = defaultdict(list)
    for event in reversed(await events(db, owner)):
        if event.verdict == "refused":
            assert event.reason == "Skipped. An earlier time waits already."
        got[str(event.trigger_id)].append(event.dedupe_key if event.verdict == "waiting" else None)
    for name, inputs in wanted.items():
        should: list[str | None] = [*expected(inputs, begin, end)]
        if inputs["overlap"] == "buffer_one":
            # Nothing is started here, so one is about to be for ever, another waits behind it, and the others are told of.
            later = len(expected(inputs, end, clock.now))
            assert got[name] == [*should[:2], *[None] * (len(should) + later - 2)], inputs
        else:
            assert [time for time in got[name] if str(time) <= last] == should, inputs


async def test_what_is_longer_ago_than_the_window_is_told_of_and_not_started(db: Database) -> None:
    owner, clock = await tenant(db), Clock()
    await bound(db, owner, clock, owner.workflow_id, t={"every": "1h", "catchup_window": "2h", "overlap": "allow_all"})
    clock.now += timedelta(hours=6, minutes=30)
    await looked(db, clock)
    assert short(await entered(db, owner), "t") == ["2026-03-28T17:00:00Z", "2026-03-28T18:00:00Z"]
    [told] = [event for event in await events(db, owner) if event.verdict == "refused"]
    assert "from 2026-03-28T13:00:00Z until 2026-03-28T16:30:00Z was missed" in str(told.reason)


async def test_what_jitter_holds_back_is_not_missed(db: Database) -> None:
    owner, clock = await tenant(db), Clock()
    held: dict[str, Json] = {"every": "1h", "jitter": "30m", "catchup_window": "2m", "overlap": "allow_all"}
    await bound(db, owner, clock, owner.workflow_id, t=held)
    for _ in range(100):
        clock.now += timedelta(minutes=1)
        await looked(db, clock)
    assert short(await entered(db, owner), "t") == ["2026-03-28T13:00:00Z"]
    assert [event.verdict for event in await events(db, owner)] == ["waiting"]


async def test_a_deployment_moves_only_what_it_changes(db: Database) -> None:
    owner, clock = await tenant(db), Clock()
    hourly: dict[str, Json] = {"every": "1h", "overlap": "allow_all"}
    await bound(db, owner, clock, owner.workflow_id, kept=hourly, changed=hourly, dropped=hourly)
    clock.now += timedelta(minutes=61)  # nobody looks
    await bound(db, owner, clock, owner.workflow_id, kept=hourly, changed={**hourly, "every": "2h"})
    await looked(db, clock)
    assert await entered(db, owner) == [("kept", "2026-03-28T13:00:00Z")]
    clock.now += timedelta(minutes=60)
    await looked(db, clock)
    assert {name for name, _ in await entered(db, owner)} == {"kept", "changed"}


async def test_of_those_that_buffer_one_a_second_that_waits_is_skipped(db: Database) -> None:
    owner, clock = await tenant(db), Clock()
    await bound(db, owner, clock, owner.workflow_id, t={"every": "1m", "overlap": "buffer_one"})
    clock.now += timedelta(minutes=4)
    await looked(db, clock)
    assert len(await entered(db, owner)) == 2  # one goes at once, one waits for it
    refused = [event for event in await events(db, owner) if event.verdict == "refused"]
    assert [event.reason for event in refused] == ["Skipped. An earlier time waits already."] * 2


async def test_a_paused_workflow_stands_still_and_makes_up_for_nothing(db: Database) -> None:
    owner, clock = await tenant(db), Clock()
    other = await workflow(db, owner.workspace_id, "other")
    await bound(db, owner, clock, owner.workflow_id, t={"every": "1h"})
    await bound(db, owner, clock, other, u={"every": "1h"})
    table = Timetable(clock)
    await _status(db, owner, table, "paused")
    clock.now += timedelta(hours=1, minutes=5)
    await looked(db, clock)
    assert {name for name, _ in await entered(db, owner)} == {"u"}
    await _status(db, owner, table, "active")
    clock.now += timedelta(hours=1)
    await looked(db, clock)
    assert short(await entered(db, owner), "t") == ["2026-03-28T14:00:00Z"]


async def _status(db: Database, owner: Tenant, table: Timetable, status: Any) -> None:
    async with db.tenant(owner.workspace_id) as connection:
        await workflows.set_status(connection, owner.workspace_id, owner.workflow_id, status)
        await table.set_status(connection, owner.workspace_id, owner.workflow_id)
