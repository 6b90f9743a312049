"""Who may start when: keys one at a time in order, caps never exceeded, everyone served, also by many claimers at once."""

import asyncio
import random
from collections.abc import Sequence

import asyncpg

from db import queue, run_rows, runs, signals, versions
from db.ids import RunId, WorkspaceId, new_uuid7
from db.pool import Database
from db.queue import Claimed
from db.record import record
from db.runs import Claim
from tests.db.data_of_tests import Tenant, accept, begun, new_run, step, succeeded, tenant, workflow


async def add(db: Database, owner: Tenant, **more: object) -> RunId:
    run = new_run(owner, **more)
    await accept(db, run)
    return run.run_id


async def claim(db: Database, limit: int = 100, lease_s: float = 30, after: int = 0) -> list[Claimed]:
    async with db.single() as connection:
        return await queue.claim(connection, "claimer", limit, lease_s, WorkspaceId(after))


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
        assert await queue.mark_started(connection, accepted.run_id, 1) == "done"
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
            assert await queue.repair(connection) == []
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
    assert await finish(db, owner, waiting[0]) == waiting[2]
    # The fast path does not let a later run pass an earlier one.
    assert not (await accept(db, new_run(owner, claim=Claim(holder="me", lease_s=30)))).claimed
    assert ids(await claim(db)) == [waiting[2]]


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
        assert await queue.send(connection, run_id, late.epoch, 30) == "refused"
        assert await queue.mark_started(connection, run_id, late.epoch) == "refused"
        assert await queue.release(connection, [(run_id, late.epoch)], 0) == []
        assert not await queue.recover(connection, run_id, late.epoch)
        assert await queue.send(connection, run_id, now.epoch, 30) == "done"
        assert await queue.mark_started(connection, run_id, now.epoch) == "done"
        assert await queue.mark_started(connection, run_id, now.epoch) == "done"
    await finish(db, owner, run_id)
    async with db.single() as connection:
        assert await queue.mark_started(connection, run_id, now.epoch) == "ended"


async def test_a_claim_that_is_given_back_waits_its_delay(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    [claimed] = await claim(db)
    async with db.single() as connection:
        assert [one.run_id for one in await queue.release(connection, [(run_id, claimed.epoch)], 3600)] == [run_id]
    assert await claim(db) == []


async def test_a_lost_execution_is_started_again_as_recovered(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    [claimed] = await claim(db)
    async with db.single() as connection:
        assert await queue.mark_started(connection, run_id, claimed.epoch) == "done"
        assert await queue.recover(connection, run_id, claimed.epoch)
        assert await queue.mark_started(connection, run_id, claimed.epoch) == "refused"
    [again] = await claim(db)
    assert again.recovered


async def test_cancel_ends_what_waits_and_tells_what_runs_once(db: Database) -> None:
    owner = await tenant(db)
    running = await add(db, owner)
    [_] = await claim(db)
    waiting = await add(db, owner)
    await begun(db, owner, running)
    async with db.single() as connection:
        assert (await runs.request_cancel(connection, owner.workspace_id, waiting, "why\x00")).outcome == "cancelled"
        assert (await runs.request_cancel(connection, owner.workspace_id, waiting)).outcome == "ended"
        for _ in range(2):
            assert (await runs.request_cancel(connection, owner.workspace_id, running, "enough")).outcome == "requested"
        [signal] = await signals.pending(connection, 10)
        assert (signal.run_id, signal.kind) == (running, "cancel")
        told = await record(connection, owner.workspace_id, running, [step("a", "running")])
    assert (told.cancel_requested, told.cancel_reason) == (True, "enough")


async def test_a_start_and_a_cancel_at_once_agree(db: Database) -> None:
    """Either the run ended before its start was sent, and it isn't sent; or its execution finds the request."""
    owner = await tenant(db)
    outcomes: set[str] = set()
    for number in range(40):
        run_id = await add(db, owner)

        async def start(run_id: RunId = run_id) -> str:
            claims = await claim(db)
            if not claims:
                return "ended"
            async with db.single() as connection:
                return await queue.send(connection, run_id, claims[0].epoch, 30)

        async def cancel(run_id: RunId = run_id, pause: int = number % 5) -> str:
            async with db.single() as connection:
                for _ in range(pause):
                    await connection.script("select 1")
                return (await runs.request_cancel(connection, owner.workspace_id, run_id)).outcome

        sent, outcome = await asyncio.gather(start(), cancel())
        assert (sent, outcome) in {("ended", "cancelled"), ("done", "requested")}
        outcomes.add(outcome)
        if outcome == "requested":
            async with db.single() as connection:
                assert (await record(connection, owner.workspace_id, run_id, [])).cancel_requested
            await finish(db, owner, run_id)
    assert outcomes == {"cancelled", "requested"}


async def test_a_claim_in_hand_is_taken_back_by_a_cancel_and_its_start_is_never_sent(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner, concurrency_key="k")
    behind = await add(db, owner, concurrency_key="k")
    [claimed] = await claim(db)
    async with db.single() as connection:
        done = await runs.request_cancel(connection, owner.workspace_id, run_id)
        assert (done.outcome, done.next_run) == ("cancelled", behind)
        assert await queue.send(connection, run_id, claimed.epoch, 30) == "ended"
        assert await queue.release(connection, [(run_id, claimed.epoch)], 0) == []


async def test_a_cancel_while_the_start_is_sent_takes_effect_when_the_start_has_failed(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    [claimed] = await claim(db)
    async with db.single() as connection:
        assert await queue.send(connection, run_id, claimed.epoch, 30) == "done"
        assert (await runs.request_cancel(connection, owner.workspace_id, run_id)).outcome == "requested"
        [released] = await queue.release(connection, [(run_id, claimed.epoch)], 0)
        assert released.cancelled
        assert (await runs.request_cancel(connection, owner.workspace_id, run_id)).outcome == "cancelled"


async def test_a_start_that_waits_for_its_next_attempt_is_cancelled_at_once(db: Database) -> None:
    owner = await tenant(db)
    run_id = await add(db, owner)
    [claimed] = await claim(db)
    async with db.single() as connection:
        await queue.send(connection, run_id, claimed.epoch, 30)
        await queue.release(connection, [(run_id, claimed.epoch)], 3600)
        assert (await runs.request_cancel(connection, owner.workspace_id, run_id)).outcome == "cancelled"


async def set_cap(db: Database, owner: Tenant, cap: int | None) -> None:
    async with db.tenant(owner.workspace_id) as connection:
        await versions.deploy(
            connection, owner.workspace_id, owner.workflow_id, {"cap": cap}, f"hash of cap {cap}", cap=cap
        )


async def test_a_cap_that_is_raised_lets_more_go_at_once_and_one_that_is_lowered_none(db: Database) -> None:
    owner = await tenant(db, cap=1)
    waiting = [await add(db, owner) for _ in range(6)]
    assert ids(await claim(db)) == waiting[:1]
    await set_cap(db, owner, 3)
    assert ids(await claim(db)) == waiting[1:3]
    await set_cap(db, owner, 1)
    assert await finish(db, owner, waiting[0]) is None
    assert await finish(db, owner, waiting[1]) is None
    assert await finish(db, owner, waiting[2]) == waiting[3]
    await set_cap(db, owner, None)
    assert ids(await claim(db)) == waiting[3:]


async def test_a_key_and_a_cap_together_keep_both(db: Database) -> None:
    owner = await tenant(db, cap=1)
    first, second = await add(db, owner, concurrency_key="a"), await add(db, owner, concurrency_key="a")
    third = await add(db, owner, concurrency_key="b")
    assert [await queued_for(db, owner, run_id) for run_id in (first, second, third)] == ["start", "key", "cap"]
    assert await finish(db, owner, first) == second, "the one that waits longest"
    assert [await queued_for(db, owner, run_id) for run_id in (second, third)] == ["start", "cap"]
    assert await finish(db, owner, second) == third


async def test_whatever_happens_in_any_order_at_once_keys_and_caps_hold_and_nobody_is_left_behind(
    db: Database, database_url: str
) -> None:
    owner = await tenant(db, cap=3)
    chance = random.Random(7)  # the same each time
    open_runs: set[RunId] = set()
    claimed: dict[RunId, int] = {}
    admin = await asyncpg.connect(database_url)

    async def act() -> None:
        match chance.choice(("add", "add", "add", "claim", "end", "end", "cancel", "release", "cap")):
            case "add":
                key = chance.choice((None, "a", "b"))
                holder = chance.choice((None, Claim(holder="me", lease_s=30)))
                counted = chance.random() < 0.8
                parent = {} if counted else {"parent_run_id": RunId(new_uuid7()), "parent_path": "sub"}
                run = new_run(owner, concurrency_key=key, claim=holder, counted=counted, **parent)
                accepted = await accept(db, run)
                open_runs.add(run.run_id)
                if accepted.claimed:
                    claimed[run.run_id] = accepted.lease_epoch or 0
            case "claim":
                for one in await claim(db, limit=chance.randint(1, 3)):
                    claimed[one.run_id] = one.epoch
            case "end" if claimed:
                run_id = chance.choice(list(claimed))
                del claimed[run_id]
                open_runs.discard(run_id)
                await finish(db, owner, run_id)
            case "cancel" if waiting := [one for one in open_runs if one not in claimed]:
                run_id = chance.choice(waiting)
                async with db.single() as connection:
                    if (await runs.request_cancel(connection, owner.workspace_id, run_id)).outcome == "cancelled":
                        open_runs.discard(run_id)
            case "release" if claimed:
                run_id = chance.choice(list(claimed))
                async with db.single() as connection:
                    await queue.release(connection, [(run_id, claimed.pop(run_id))], 0)
            case "cap":
                await set_cap(db, owner, chance.choice((2, 3, 5)))
            case _:
                pass

    try:
        for _ in range(60):
            # A run that two of these act on at once is one that ended under the other: which is as it may be.
            told = await asyncio.gather(*(act() for _ in range(chance.randint(1, 5))), return_exceptions=True)
            assert [one for one in told if one is not None and not isinstance(one, AssertionError)] == []
            wrong = await admin.fetch(WRONG)
            assert wrong == [], wrong
        async with db.single() as connection:
            assert await queue.repair(connection) == []
    finally:
        await admin.close()


WRONG = """
select 'a key has not exactly one that goes', q.concurrency_key, count(*) from workflow_execution_queue q
where q.concurrency_key is not null
group by q.workflow_id, q.concurrency_key
having count(*) filter (where q.state <> 'blocked') <> 1 or min(q.seq) <> min(q.seq) filter (where q.state <> 'blocked')
union all
select 'somebody waits though there is room', null, count(*) from workflow_execution_queue q
join workflows w on w.workflow_id = q.workflow_id
where q.counted
group by w.workflow_id, w.max_concurrent_runs
having count(*) filter (where q.state = 'capped') > 0
    and count(*) filter (where q.state in ('ready', 'starting', 'started')) < w.max_concurrent_runs
"""
"""Empty while the queue's invariants hold."""
