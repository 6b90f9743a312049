"""Mailboxes: one reader each, and how far it came counts only while it holds it."""

from __future__ import annotations

import asyncio

import pytest

from db import email_routes, mailboxes, workflows
from db.email_routes import WantedRoute
from db.mailboxes import HeldMailbox, HowFar, WantedMailbox
from db.pool import Database
from tests.db.data_of_tests import Tenant, tenant

BOX = WantedMailbox("c", "INBOX", 60.0, "keep")


async def read_by(db: Database, owner: Tenant, **wanted: WantedMailbox) -> None:
    async with db.tenant(owner.workspace_id) as connection:
        routes = [WantedRoute(name, None, ()) for name in wanted]
        assert await email_routes.bind(connection, owner.workspace_id, owner.workflow_id, routes) is None
        for name, one in wanted.items():
            await mailboxes.put(connection, owner.workspace_id, owner.workflow_id, name, one)
        await mailboxes.retire(connection, owner.workspace_id, owner.workflow_id, list(wanted))


async def due(db: Database, lease_s: float = 60.0) -> list[HeldMailbox]:
    async with db.single() as connection:
        return await mailboxes.take(connection, 10, lease_s)


async def advanced(db: Database, held: HeldMailbox, uid: int) -> bool:
    async with db.engine(held.workspace_id) as connection:
        return await mailboxes.advance(connection, held, HowFar("me", 1, uid))


async def let_go(db: Database, held: HeldMailbox, after_s: float = 0.0) -> None:
    async with db.engine(held.workspace_id) as connection:
        await mailboxes.let_go(connection, held, "ok", None, failures=0, after_s=after_s)


async def test_one_reads_a_mailbox_at_a_time(db: Database) -> None:
    owner = await tenant(db)
    await read_by(db, owner, a=BOX, b=BOX, c=BOX)
    found = await asyncio.gather(*(due(db) for _ in range(8)))
    assert max(map(len, found)) >= 1
    assert len({one.route_id for some in found for one in some}) == sum(map(len, found)) == 3
    assert await due(db) == []


async def test_who_was_overtaken_changes_nothing(db: Database) -> None:
    owner = await tenant(db)
    await read_by(db, owner, a=BOX)
    [stood_still] = await due(db, lease_s=0.0)
    [held] = await due(db)
    assert held.lease_epoch > stood_still.lease_epoch
    assert await advanced(db, held, 7)
    assert not await advanced(db, stood_still, 3)
    await let_go(db, stood_still)
    assert await due(db) == []
    await let_go(db, held)
    [again] = await due(db)
    assert (again.uid_validity, again.last_uid, again.looked_at is None) == (1, 7, False)


@pytest.mark.parametrize(
    ("changed", "last"),
    [
        (BOX, 7),
        (WantedMailbox("c", "INBOX", 5.0, "seen"), 7),
        (WantedMailbox("c", "Other", 60.0, "keep"), 0),
        (WantedMailbox("d", "INBOX", 60.0, "keep"), 0),
        (None, 0),
    ],
)
async def test_how_far_it_was_read_stays_while_it_is_the_same_mailbox(
    db: Database, changed: WantedMailbox | None, last: int
) -> None:
    owner = await tenant(db)
    await read_by(db, owner, a=BOX)
    [held] = await due(db)
    assert await advanced(db, held, 7)
    await let_go(db, held)
    await read_by(db, owner, **({} if changed is None else {"a": changed}))
    assert await advanced(db, held, 7) == (changed == BOX)
    await read_by(db, owner, a=changed or BOX)
    if changed == BOX:
        await let_go(db, held)
    [now] = await due(db)
    assert (now.last_uid, now.uid_validity) == (last, 1 if last else None)
    assert (now.looked_at is None) == (last == 0)


async def test_nobody_looks_while_the_workflow_is_paused(db: Database) -> None:
    owner = await tenant(db)
    await read_by(db, owner, a=BOX)
    for status in ("paused", "active"):
        async with db.tenant(owner.workspace_id) as connection:
            await workflows.set_status(connection, owner.workspace_id, owner.workflow_id, status)
            await mailboxes.follow(connection, owner.workspace_id, owner.workflow_id)
        async with db.single() as connection:
            assert (await mailboxes.next_due(connection) is None) == (status == "paused")
        assert len(await due(db)) == (status == "active")


async def test_who_reads_by_a_connection_that_was_changed_lets_go(db: Database) -> None:
    owner = await tenant(db)
    await read_by(db, owner, a=BOX, b=WantedMailbox("other", "INBOX", 60.0, "keep"))
    held = {one.connection: one for one in await due(db)}
    async with db.tenant(owner.workspace_id) as connection:
        await mailboxes.hurry(connection, owner.workspace_id, "c")
    assert not await advanced(db, held["c"], 7)
    assert await advanced(db, held["other"], 7)
    [again] = await due(db)
    assert (again.connection, again.last_uid) == ("c", 0)
