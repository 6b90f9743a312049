"""Polls: one asks at a time, what is seen is seen once, and what a version drops comes back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

from db import maintenance, polls, workflows
from db.polls import Poll, Wanted
from db.pool import Database
from tests.db.data_of_tests import Tenant, tenant


async def bound(db: Database, *, every_s: float = 3600.0) -> tuple[Tenant, Poll]:
    """With its poll, taken by the caller."""
    owner = await tenant(db)
    async with db.tenant(owner.workspace_id) as connection:
        await polls.bind(connection, owner.workspace_id, owner.workflow_id, [Wanted("t", every_s)])
    return owner, await taken(db, owner)


async def taken(db: Database, owner: Tenant, lease_s: float = 60.0) -> Poll:
    async with db.engine() as connection:
        found = await polls.take(connection, 100, lease_s)
    [mine] = [one for one in found if one.workspace_id == owner.workspace_id]
    return mine


async def shown(db: Database, owner: Tenant) -> Poll:
    async with db.tenant(owner.workspace_id) as connection:
        [found] = await polls.list_polls(connection, owner.workspace_id, None, 10)
    return found


async def test_an_answer_that_was_overtaken_changes_nothing(db: Database) -> None:
    owner, first = await bound(db)
    async with db.tenant(owner.workspace_id) as connection:
        await polls.forget(connection, first, {"from": "here"})
        await polls.hurry(connection, first)
    second = await taken(db, owner)
    async with db.engine(owner.workspace_id) as connection:
        assert not await polls.hold(connection, first)
        await polls.answered(connection, first, "stale")
        await polls.failed(connection, first, {"code": "x"}, 1.0)
        assert await polls.hold(connection, second)
    now = await shown(db, owner)
    assert (now.cursor, now.answered_at, now.failures) == ({"from": "here"}, None, 0)


async def test_a_lease_that_ran_out_is_somebody_elses(db: Database) -> None:
    owner, _ = await bound(db)
    async with db.engine() as connection:
        assert [one for one in await polls.take(connection, 100, 60.0) if one.workspace_id == owner.workspace_id] == []
    async with db.engine(owner.workspace_id) as connection:
        await connection.script("update polls set lease_until = now() - interval '1 second'")
    assert (await taken(db, owner)).lease_epoch == 2


async def test_a_key_is_new_once_and_its_poll_forgets_it_only_when_told(db: Database) -> None:
    owner, poll = await bound(db)
    async with db.engine(owner.workspace_id) as connection:
        assert await polls.note_keys(connection, poll, ["a", "b"]) == {"a", "b"}
        assert await polls.note_keys(connection, poll, ["b", "c"]) == {"c"}
        await connection.script(
            f"update poll_keys set seen_at = now() - interval '40 days' where poll_id = '{poll.poll_id}'"
        )
    async with db.engine() as connection:
        await maintenance.delete_old_rows(connection)
    async with db.engine(owner.workspace_id) as connection:
        # It got no answer in that time, so nobody knows whether they are there still.
        assert await polls.note_keys(connection, poll, ["a"]) == frozenset()
        await polls.answered(connection, poll, None)
    async with db.engine() as connection:
        await maintenance.delete_old_rows(connection)
    async with db.engine(owner.workspace_id) as connection:
        assert await polls.note_keys(connection, poll, ["a", "b"]) == {"b"}


async def test_what_a_version_drops_comes_back_where_it_was(db: Database) -> None:
    owner, poll = await bound(db)
    async with db.engine(owner.workspace_id) as connection:
        await polls.answered(connection, poll, 7)
    async with db.tenant(owner.workspace_id) as connection:
        await polls.bind(connection, owner.workspace_id, owner.workflow_id, [])
        assert await polls.list_polls(connection, owner.workspace_id, None, 10) == []
        await polls.bind(connection, owner.workspace_id, owner.workflow_id, [Wanted("t", 60.0)])
    now = await shown(db, owner)
    assert (now.poll_id, now.cursor, now.every_s) == (poll.poll_id, 7, 60.0)


async def test_a_deployment_that_changes_nothing_keeps_the_time(db: Database) -> None:
    owner, poll = await bound(db)
    async with db.engine(owner.workspace_id) as connection:
        await polls.answered(connection, poll, None)
    before = (await shown(db, owner)).next_at
    assert before is not None
    assert before > datetime.now(UTC)
    async with db.tenant(owner.workspace_id) as connection:
        await polls.bind(connection, owner.workspace_id, owner.workflow_id, [Wanted("t", 3600.0)])
    assert (await shown(db, owner)).next_at == before


async def test_a_poll_stands_still_with_its_workflow(db: Database) -> None:
    owner, poll = await bound(db)
    async with db.tenant(owner.workspace_id) as connection:
        await workflows.set_status(connection, owner.workspace_id, owner.workflow_id, "paused")
        await polls.follow(connection, owner.workspace_id, owner.workflow_id)
        assert not await polls.hurry(connection, poll)
    async with db.engine(owner.workspace_id) as connection:
        await polls.answered(connection, poll, None)
    assert (await shown(db, owner)).next_at is None
