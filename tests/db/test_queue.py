"""Who may start when: keys one at a time in order, caps never exceeded, everyone served, also by many claimers at once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from db import queue, run_rows, runs, signals
from db.ids import RunId
from db.pool import Database
from db.queue import Claimed
from db.record import record
from db.runs import Claim
from tests.db.data_of_tests import Tenant, accept, new_run, step, succeeded, tenant, workflow


async def add(db: Database, owner: Tenant, **more: object) -> RunId:
    run = new_run(owner, **more)
    await accept(db, run)
    return run.run_id


async def claim(db: Database, limit: int = 100, lease_s: float = 30) -> list[Claimed]:
    async with db.single() as connection:
        return await queue.claim(connection, "claimer", limit, lease_s)


async def finish(db: Database, owner: Tenant, run_id: RunId) -> RunId | None:
    async with db.single() as connection:
        done = await record(connection, owner.workspace_id, run_id, [step("a")], end=succeeded())
    assert done.finished_now
    return done.next_run


def ids(claims: Sequence[Claimed]) -> list[RunId]:
    return [claimed.run_id for claimed in claims]


async def queued_for(db: Database, owner: Tenant, run_id: RunId) -> str | None:
    async with db.tenant(owner.workspace_id) as connection:
        row = await run_rows.get(connection, run_id)
    assert row is not None
    return row.queued_for


async def test_a_run_is_claimed_with_its_acceptance(db: Database) -> None:
    owner = await tenant(db)
    accepted = await accept(db, new_run(owner, claim=Claim(holder="me", lease_s=30)))
    assert accepted.claimed
    assert accepted.lease_epoch == 1
    assert await claim(db) == []
    async with db.single() as connection:
        assert await queue.mark_started(connection, accepted.run_id, 1)
        [row] = await queue.open_rows(connection, None, 10)
    assert (row.run_id, row.state, row.recovered) == (accepted.run_id, "started", False)
    await finish(db, owner, accepted.run_id)
    async with db.single() as connection:
        assert await queue.open_rows(connection, None, 10) == []
        assert (await queue.depth(connection)).waiting == 0


async def test_a_key_goes_one_at_a_time_in_accept_order(db: Database) -> None:
    owner = await tenant(db)
    first, second, third = [await add(db, owner, concurrency_key="k") for _ in range(3)]
    other = await add(db, owner, concurrency_key="l")
    assert set(ids(await claim(db))) == {first, other}
    assert await queued_for(db, owner, second) == "key"
    assert await claim(db) == []
    assert await finish(db, owner, first) == second
    assert await queued_for(db, owner, second) == "start"
    assert ids(await claim(db)) == [second]
    assert await finish(db, owner, second) == third
    assert ids(await claim(db)) == [third]
    assert await finish(db, owner, third) is None


async def test_keys_of_different_workflows_have_nothing_in_common(db: Database) -> None:
    owner = await tenant(db)
    other = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, "other"))
    both = {await add(db, owner, concurrency_key="k"), await add(db, other, concurrency_key="k")}
    assert set(ids(await claim(db))) == both


async def test_a_cancelled_waiter_lets_the_next_one_of_its_key_go(db: Database) -> None:
    owner = await tenant(db)
    first, second, third = [await add(db, owner, concurrency_key="k") for _ in range(3)]
    async with db.single() as connection:
        assert (await runs.request_cancel(connection, owner.workspace_id, second)).outcome == "cancelled"
    assert await finish(db, owner, first) == third


async def test_an_end_and_a_cancel_of_the_next_one_at_once_both_succeed(db: Database) -> None:
    owner = await tenant(db)

    async def cancel(run_id: RunId) -> str:
        async with db.single() as connection:
            return (await runs.request_cancel(connection, owner.workspace_id, run_id)).outcome

    for _ in range(30):
        first, second = await add(db, owner, concurrency_key="k"), await add(db, owner, concurrency_key="k")
        third = await add(db, owner, concurrency_key="k")
        _, outcome = await asyncio.gather(finish(db, owner, first), cancel(second))
        assert outcome == "cancelled"
        assert ids(await claim(db)) == [third]
        await finish(db, owner, third)


async def test_two_that_end_and_come_at_once_never_leave_a_key_stuck(db: Database) -> None:
    """Accepting a run of a key while its last one ends: one of both sees the other, in any order of commits."""
    owner = await tenant(db)
    current = await add(db, owner, concurrency_key="k")
    for _ in range(40):
        incoming = new_run(owner, concurrency_key="k")
        _, accepted = await asyncio.gather(finish(db, owner, current), accept(db, incoming))
        assert accepted.state in ("ready", "blocked")
        async with db.single() as connection:
            assert await queue.unblock(connection) == []
        assert ids(await claim(db)) == [incoming.run_id]
        current = incoming.run_id


async def test_a_cap_holds_and_children_do_not_count(db: Database) -> None:
    owner = await tenant(db, cap=2)
    waiting = [await add(db, owner) for _ in range(4)]
    assert ids(await claim(db)) == waiting[:2]
    assert await queued_for(db, owner, waiting[2]) == "cap"
    child = await add(db, owner, counted=False, parent_run_id=waiting[0], parent_path="sub")
    assert ids(await claim(db)) == [child]
    assert not (await accept(db, new_run(owner, claim=Claim(holder="me", lease_s=30)))).claimed
    await finish(db, owner, waiting[0])
    async with db.single() as connection:
        # The fast path does not let a later run pass an earlier one.
        assert await queue.claim_one(connection, waiting[3], "me", 30) is None
        claimed = await queue.claim_one(connection, waiting[2], "me", 30)
    assert claimed is not None
    assert claimed.run_id == waiting[2]


async def test_many_claimers_at_once_give_each_run_once_and_keep_every_cap_and_key(db: Database) -> None:
    owner = await tenant(db)
    capped = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, "capped", cap=3))
    keyed = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, "keyed"))
    owners: dict[RunId, Tenant] = {}
    keys: dict[RunId, str] = {}
    for number in range(60):
        of = (owner, capped, keyed)[number % 3]
        key = f"k{number % 4}" if of is keyed else None
        run_id = await add(db, of, concurrency_key=key)
        owners[run_id] = of
        keys[run_id] = key or ""
    accepted_order = list(owners)
    order: list[RunId] = []
    open_now: set[RunId] = set()

    async def claimer() -> None:
        idle = 0
        while idle < 30:
            claims = await claim(db, limit=4)
            idle = 0 if claims else idle + 1
            for claimed in claims:
                assert claimed.run_id not in order
                order.append(claimed.run_id)
                open_now.add(claimed.run_id)
                assert sum(owners[run_id] is capped for run_id in open_now) <= 3
                busy = [keys[run_id] for run_id in open_now if keys[run_id]]
                assert len(busy) == len(set(busy))
            for claimed in claims:
                open_now.discard(claimed.run_id)
                await finish(db, owners[claimed.run_id], claimed.run_id)

    await asyncio.gather(*(claimer() for _ in range(6)))
    assert set(order) == set(owners)
    for key in ("k0", "k1", "k2", "k3"):
        assert [run_id for run_id in order if keys[run_id] == key] == [
            run_id for run_id in accepted_order if keys[run_id] == key
        ]


async def test_a_workspace_with_a_backlog_does_not_hold_up_another(db: Database) -> None:
    busy, quiet = await tenant(db, "busy"), await tenant(db, "quiet")
    backlog = [await add(db, busy) for _ in range(50)]
    late = await add(db, quiet)
    claims = ids(await claim(db, limit=4))
    assert late in claims
    assert claims[0] == backlog[0]
    assert len(claims) == 4


async def test_a_lease_that_ran_out_is_claimed_again_and_the_late_one_changes_nothing(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    [late] = await claim(db, lease_s=-1)
    [now] = await claim(db)
    assert (now.run_id, now.epoch, now.attempts) == (run_id, late.epoch + 1, 2)
    async with db.single() as connection:
        assert not await queue.mark_started(connection, run_id, late.epoch)
        assert await queue.release(connection, [(run_id, late.epoch)], 0) == 0
        assert await queue.mark_started(connection, run_id, now.epoch)


async def test_a_claim_that_is_given_back_waits_its_delay(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    [claimed] = await claim(db)
    async with db.single() as connection:
        assert await queue.release(connection, [(run_id, claimed.epoch)], 3600) == 1
        assert await queue.claim_one(connection, run_id, "me", 30) is None
    assert await claim(db) == []


async def test_a_lost_execution_is_started_again_as_recovered(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    [claimed] = await claim(db)
    async with db.single() as connection:
        assert await queue.mark_started(connection, run_id, claimed.epoch)
        assert await queue.recover(connection, run_id)
    [again] = await claim(db)
    assert again.recovered
    async with db.single() as connection:
        begun = await runs.begin(connection, owner.workspace_id, run_id)
    assert begun is not None
    assert begun.recovered


async def test_begin_is_the_same_each_time_and_nothing_for_an_ended_run(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    began = datetime(2026, 11, 23, 13, tzinfo=UTC)
    async with db.single() as connection:
        first = await runs.begin(connection, owner.workspace_id, run_id, began)
        assert first is not None
        assert first.started_at == began
        assert await runs.begin(connection, owner.workspace_id, run_id, datetime.now(UTC)) == first
    await finish(db, owner, run_id)
    async with db.single() as connection:
        assert await runs.begin(connection, owner.workspace_id, run_id) is None


async def test_cancel_ends_what_waits_and_tells_what_runs_once(db: Database) -> None:
    owner = await tenant(db)
    waiting, running = await add(db, owner), await add(db, owner)
    async with db.single() as connection:
        assert await queue.claim_one(connection, running, "me", 30)
        assert await runs.begin(connection, owner.workspace_id, running)
        assert (await runs.request_cancel(connection, owner.workspace_id, waiting, "why\x00")).outcome == "cancelled"
        assert (await runs.request_cancel(connection, owner.workspace_id, waiting)).outcome == "ended"
        for _ in range(2):
            assert (await runs.request_cancel(connection, owner.workspace_id, running, "enough")).outcome == "requested"
        [signal] = await signals.pending(connection, 10)
        assert (signal.run_id, signal.kind) == (running, "cancel")
        begun = await runs.begin(connection, owner.workspace_id, running)
        assert begun is not None
        assert (begun.cancel_requested, begun.cancel_reason) == (True, "enough")
        told = await record(connection, owner.workspace_id, running, [step("a", "running")])
    assert (told.cancel_requested, told.cancel_reason) == (True, "enough")


async def test_a_claim_and_a_cancel_at_once_agree(db: Database) -> None:
    """Either the run ended before it was claimed, or its claimer finds the request when it begins."""
    owner = await tenant(db)
    for _ in range(20):
        run_id = await add(db, owner)

        async def cancel(run_id: RunId = run_id) -> str:
            async with db.single() as connection:
                return (await runs.request_cancel(connection, owner.workspace_id, run_id)).outcome

        claims, outcome = await asyncio.gather(claim(db), cancel())
        async with db.single() as connection:
            begun = await runs.begin(connection, owner.workspace_id, run_id)
        if outcome == "cancelled":
            assert begun is None
            assert claims == []
        else:
            assert begun is not None
            assert begun.cancel_requested
            await finish(db, owner, run_id)
