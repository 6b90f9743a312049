"""Weeks: made ahead, and dropped once every run in them is past its retention.

A week is dropped in three steps that may be cut short anywhere: detach (which lets readers finish and holds nobody up), drop,
next table. The log and the payloads go before the headers, so a week is looked at again for as long as there is a table of its headers.

From the last look on, nobody can pin a run: a pin would come to a header whose log is gone already.

Hazard: a detach that was cut short leaves the partition in between; PostgreSQL then wants it finalised first.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from db.connection import Connection
from db.errors import LockHeld
from db.ids import uuid7_floor
from db.pool import Database
from db.statements import command, values

AHEAD = 4
_MANY = 5_000
_TABLES = ("workflow_payloads", "workflow_execution_logs", "workflow_runs")


_ENSURE = values("weeks", "ensure", str)
_LEFT = values("weeks", "left", date)
_HAS_UNEXPIRED = values("weeks", "has_unexpired", bool)
_STATE = values("weeks", "state", str)
_DELETE_RESUMES = command("weeks", "delete_resumes")
_HOLD_PINS = values("weeks", "hold_pins", str)
_FREE_PINS = values("weeks", "free_pins", bool)


async def ensure_weeks(connection: Connection, ahead: int = AHEAD) -> list[str]:
    """Make this week's partitions and those of `ahead` weeks to come; gives the names of the new ones."""
    return await connection.all(_ENSURE, ahead=ahead)


async def drop_expired_weeks(db: Database, now: datetime | None = None) -> list[date]:
    """Drop the weeks before the last one in which no run is open, pinned or to be kept; gives their Mondays."""
    today = now or datetime.now(UTC)
    newest_to_drop = (today - timedelta(weeks=2)).date()
    dropped: list[date] = []
    async with db.owner() as owner:
        for monday in await owner.all(_LEFT):
            if monday > newest_to_drop or await _is_needed(db, monday):
                continue
            try:
                await owner.one(_HOLD_PINS)
                if await _is_needed(db, monday):
                    continue
                await _delete_resumes(db, monday)
                for table in _TABLES:
                    await _drop(owner, table, f"{table}_{monday:%Y%m%d}")
            except LockHeld:
                # Somebody reads there for long; the next round goes on where this one stopped.
                continue
            finally:
                await owner.one(_FREE_PINS)
            dropped.append(monday)
    return dropped


async def _is_needed(db: Database, monday: date) -> bool:
    async with db.engine() as connection:
        return await connection.one(_HAS_UNEXPIRED, **_bounds(monday))


async def _delete_resumes(db: Database, monday: date) -> None:
    """What was posted to the week's runs stands in a table without weeks."""
    gone = _MANY
    while gone >= _MANY:
        async with db.engine() as connection:
            gone = await connection.count(_DELETE_RESUMES, most=_MANY, **_bounds(monday))


def _bounds(monday: date) -> dict[str, UUID]:
    start = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
    return {"lowest": uuid7_floor(start), "below": uuid7_floor(start + timedelta(weeks=1))}


async def _drop(owner: Connection, table: str, partition: str) -> None:
    """Both names are ours, so they may stand in the text of statements that take no parameters."""
    state = await owner.maybe(_STATE, name=f"public.{partition}")
    if state is None:
        return
    if state == "detaching":
        await owner.script(f"alter table public.{table} detach partition public.{partition} finalize")
    elif state == "attached":
        await owner.script(f"alter table public.{table} detach partition public.{partition} concurrently")
    await owner.script(f"drop table public.{partition}")
