"""The inbox: one run for an event, order by source, and claims that end."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import asyncpg
import pytest

from db import inbox, maintenance, runs
from db.ids import EventId
from db.inbox import Event, HeldEvent, NewEvent
from db.pool import Database
from db.runs import EventGone
from db.statements import statements
from tests.db.data_of_tests import Tenant, new_run, tenant


async def noted(db: Database, owner: Tenant, source: str = "s", key: str | None = None, raw: bytes = b"x") -> EventId:
    event = NewEvent(
        source=source,
        kind="email",
        workflow_id=owner.workflow_id,
        trigger_id="t",
        dedupe_key=key,
        window_s=60 if key is not None else None,
        head={"from": "a"},
        raw=raw,
        size=len(raw),
    )
    async with db.single() as connection:
        await inbox.note(connection, owner.workspace_id, event)
    return event.event_id


async def taken(db: Database, limit: int = 10, lease_s: float = 60) -> list[Event]:
    """What one process gets that looks at all sources."""
    found: list[Event] = []
    async with db.single() as connection:
        for first in await inbox.due_sources(connection, 100):
            found += await inbox.take(connection, first, lease_s, limit)
    return found


async def shown(db: Database, owner: Tenant, event_id: EventId) -> Event:
    async with db.tenant(owner.workspace_id) as connection:
        found = await inbox.get(connection, owner.workspace_id, event_id)
    assert found is not None
    return found


async def test_an_event_that_came_before_is_noted_as_a_duplicate_and_shows_what_came(db: Database) -> None:
    owner = await tenant(db)
    first, again = await noted(db, owner, key="k"), await noted(db, owner, key="k", raw=b"other")
    assert [(await shown(db, owner, one)).verdict for one in (first, again)] == ["waiting", "duplicate"]
    async with db.tenant(owner.workspace_id) as connection:
        content = await inbox.content(connection, owner.workspace_id, (await shown(db, owner, again)).content_id)
    assert content is not None
    assert (content.raw, content.head) == (b"x", {"from": "a"})
    assert [event.event_id for event in await taken(db)] == [first]


async def test_who_was_overtaken_takes_no_run_in(db: Database) -> None:
    owner = await tenant(db)
    event_id = await noted(db, owner)
    [slow] = await taken(db, lease_s=-1)
    [fast] = await taken(db)
    assert fast.attempts == 2
    run = new_run(owner)
    async with db.single() as connection:
        with pytest.raises(EventGone):
            await runs.accept(connection, run, slow.held)
        assert not await inbox.settle(connection, owner.workspace_id, slow.held, "refused", "late")
        accepted = await runs.accept(connection, run, fast.held)
        with pytest.raises(EventGone):
            await runs.accept(connection, new_run(owner), fast.held)
    seen = await shown(db, owner, event_id)
    assert (seen.verdict, seen.run_id) == ("accepted", accepted.run_id)


async def test_an_event_waits_again_only_for_who_holds_it(db: Database) -> None:
    owner = await tenant(db)
    event_id = await noted(db, owner)
    [held] = await taken(db)
    async with db.single() as connection:
        await inbox.put_back(connection, owner.workspace_id, HeldEvent(event_id, 7), 0, "not mine")
        assert await taken(db) == []
        await inbox.put_back(connection, owner.workspace_id, held.held, 0, "again", counted=False)
    [again] = await taken(db)
    assert (again.attempts, again.lease_epoch, again.reason) == (1, 2, "again")


async def test_one_that_waits_holds_up_those_behind_it_and_no_other_source(db: Database) -> None:
    owner = await tenant(db)
    await noted(db, owner, "a")
    await noted(db, owner, "a")
    other = await noted(db, owner, "b")
    head = next(event for event in await taken(db, limit=1) if event.source == "a")
    async with db.single() as connection:
        await inbox.put_back(connection, owner.workspace_id, head.held, 60, "later")
    held_b = [event for event in await taken(db) if event.source == "b"]
    assert held_b == []  # it is held since the first look
    assert (await shown(db, owner, other)).verdict == "waiting"
    async with db.single() as connection:
        await inbox.hurry(connection, owner.workspace_id, owner.workflow_id)
    assert [event.source for event in await taken(db)] == ["a", "a"]


async def test_what_ended_can_be_taken_again_and_what_waits_given_up(db: Database) -> None:
    owner = await tenant(db)
    event_id = await noted(db, owner)
    [held] = await taken(db)
    async with db.tenant(owner.workspace_id) as connection:
        assert not await inbox.replay(connection, owner.workspace_id, event_id)  # somebody is at it
    async with db.single() as connection:
        assert await inbox.settle(connection, owner.workspace_id, held.held, "failed", "no")
    async with db.tenant(owner.workspace_id) as connection:
        assert await inbox.replay(connection, owner.workspace_id, event_id)
    assert [event.attempts for event in await taken(db, lease_s=-1)] == [1]
    async with db.tenant(owner.workspace_id) as connection:
        assert await inbox.drop(connection, owner.workspace_id, event_id, "why")
        assert not await inbox.drop(connection, owner.workspace_id, event_id, "why")
    assert (await shown(db, owner, event_id)).reason == "why"


@pytest.mark.parametrize("seed", range(4))
async def test_many_hands_take_each_event_once_and_each_source_in_order(db: Database, seed: int) -> None:
    owner = await tenant(db)
    chance = random.Random(seed)
    wanted: dict[str, list[EventId]] = defaultdict(list)
    for number in range(40):
        source = f"source {number % 5}"
        wanted[source].append(await noted(db, owner, source))
    for ids in wanted.values():
        ids.sort()
    got: dict[str, list[EventId]] = defaultdict(list)

    async def hand() -> None:
        while sum(len(ids) for ids in got.values()) < 40:
            async with db.single() as connection:
                for first in await inbox.due_sources(connection, 2):
                    held = list(await inbox.take(connection, first, 60, chance.randint(1, 4)))
                    while held and chance.random() > 0.3:
                        event = held.pop(0)
                        if await _accepted(db, owner, event):
                            got[event.source].append(event.event_id)
                    for event in held:
                        await inbox.put_back(connection, owner.workspace_id, event.held, 0, None)

    await asyncio.gather(*(hand() for _ in range(4)))
    assert got == wanted


async def _accepted(db: Database, owner: Tenant, event: Event) -> bool:
    async with db.single() as connection:
        try:
            await runs.accept(connection, new_run(owner), event.held)
        except EventGone:
            return False
        return True


async def test_what_came_goes_after_a_week_and_the_line_after_a_month(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    ended, waits, shared = await noted(db, owner), await noted(db, owner, "w"), await noted(db, owner, "c")
    [held] = [event for event in await taken(db) if event.event_id == ended]
    async with db.single() as connection:
        await inbox.settle(connection, owner.workspace_id, held.held, "refused", "no")
    admin = await asyncpg.connect(database_url)
    try:
        # Another event shows what came with the last one.
        await admin.execute("update events_to_be_processed set content_of = $1 where event_id = $2", shared, waits)
        await admin.execute(
            "update events_to_be_processed set verdict = 'refused', next_at = null, lease_until = null where event_id = $1",
            shared,
        )
        for days, kept, lines in ((6, {ended, waits, shared}, 3), (8, {waits, shared}, 3), (31, {waits, shared}, 2)):
            await admin.execute(
                "update events_to_be_processed set received_at = now() - make_interval(days => $1)", days
            )
            async with db.engine() as connection:
                await maintenance.delete_old_rows(connection)
            left = await admin.fetch("select event_id, head is not null as kept from events_to_be_processed")
            assert len(left) == lines, days
            assert {row["event_id"] for row in left if row["kept"]} == kept & {row["event_id"] for row in left}, days
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("name", "index"),
    [("old_events", "events_received"), ("old_keys", "events_api_over"), ("old_contents", "events_kept")],
)
async def test_what_is_past_its_time_is_found_by_an_index(database_url: str, name: str, index: str) -> None:
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute("set enable_seqscan = off; set enable_sort = off")
        sql = statements("maintenance")[name].sql.replace("$1", "100")
        told = "\n".join(row[0] for row in await admin.fetch(f"explain (costs off) {sql}"))
        assert index in told, told
    finally:
        await admin.close()


def brought(owner: Tenant, source: str, key: str) -> inbox.NewEvent:
    return inbox.NewEvent(
        source=source, kind="email", workflow_id=owner.workflow_id, dedupe_key=key, window_s=60.0, size=3
    )


async def test_what_came_for_several_sources_is_kept_once(db: Database) -> None:
    owner = await tenant(db)
    ws = owner.workspace_id
    async with db.engine(ws) as conn:
        first = await inbox.note_shared(conn, ws, [brought(owner, one, "k") for one in ("b", "a")], {"h": 1}, b"raw")
    async with db.engine(ws) as conn:
        second = await inbox.note_shared(conn, ws, [brought(owner, one, "k") for one in ("c", "a")], {"h": 2}, b"new")
        third = await inbox.note_shared(conn, ws, [brought(owner, one, "k") for one in ("a", "b")], {"h": 3}, b"old")
    assert (len(first), len(second), third) == (2, 1, [])
    async with db.engine(ws) as conn:
        events = await inbox.list_events(conn, ws, None, 10)
        contents = {event.event_id: await inbox.content(conn, ws, event.content_id) for event in events}
        kept = [event for event in events if event.content_id == event.event_id]
    assert sorted(event.verdict for event in events) == ["duplicate"] * 3 + ["waiting"] * 3
    assert len(kept) == 2
    for event in events:
        found = contents[event.event_id]
        assert found is not None
        assert found.raw == (b"new" if event.source == "c" else b"raw")


async def test_many_bring_the_same_to_the_same_sources_and_none_waits_for_ever(db: Database) -> None:
    owner = await tenant(db)
    ws = owner.workspace_id

    async def bring(turn: int) -> int:
        sources = [f"s{(turn + number) % 5}" for number in range(5)]
        async with db.engine(ws) as conn:
            return len(await inbox.note_shared(conn, ws, [brought(owner, one, "k") for one in sources], {}, b"raw"))

    counts = await asyncio.gather(*(bring(turn) for turn in range(10)))
    assert sum(counts) == 5
