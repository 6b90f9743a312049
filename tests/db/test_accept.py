"""Taking runs in: all or nothing, once per event, with the document that they began with; and what comes to them later."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from db import documents, payloads, resumes, run_rows, runs, signals, workflows
from db.data import Payload, ref_of
from db.documents import CompiledDocument
from db.ids import MIN_UUID, RunId, new_uuid7
from db.inbox import NewEvent
from db.pool import Database
from db.record import record
from db.run_rows import Place
from db.runs import UnknownWorkflow
from tests.db.data_of_tests import Tenant, accept, begun, new_run, started, step, succeeded, tenant


async def test_the_same_event_at_once_starts_one_run(db: Database) -> None:
    owner = await tenant(db)
    event = {"source": "webhook:x", "dedupe_key": "k\x00" * 400, "window_s": 60}
    answers = await asyncio.gather(*(accept(db, new_run(owner), NewEvent(**event)) for _ in range(10)))
    assert len({answer.run_id for answer in answers}) == 1
    assert sorted(answer.duplicate for answer in answers) == [False] + [True] * 9
    other = await accept(
        db, new_run(owner), NewEvent(source="webhook:y", dedupe_key=str(event["dedupe_key"]), window_s=60)
    )
    assert not other.duplicate


async def test_after_its_window_an_event_starts_a_run_again(db: Database) -> None:
    owner = await tenant(db)
    first = await accept(db, new_run(owner), NewEvent(source="s", dedupe_key="k", window_s=-1))
    second = await accept(db, new_run(owner), NewEvent(source="s", dedupe_key="k", window_s=60))
    third = await accept(db, new_run(owner), NewEvent(source="s", dedupe_key="k", window_s=60))
    assert not second.duplicate
    assert first.run_id != second.run_id == third.run_id


async def test_an_event_without_a_key_is_never_a_duplicate(db: Database) -> None:
    owner = await tenant(db)
    both = [await accept(db, new_run(owner), NewEvent(source="s")) for _ in range(2)]
    assert [one.duplicate for one in both] == [False, False]


async def test_a_refused_run_leaves_nothing_behind(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    with pytest.raises(asyncpg.CheckViolationError):
        await accept(db, new_run(owner, log="everything"), NewEvent(source="s", dedupe_key="k", window_s=60))
    admin = await asyncpg.connect(database_url)
    try:
        for table in ("workflow_runs", "workflow_execution_queue", "events_to_be_processed", "workflows_documents"):
            assert await admin.fetchval(f"select count(*) from {table}") == 0
    finally:
        await admin.close()


async def test_a_deleted_or_foreign_workflow_takes_no_runs(db: Database) -> None:
    owner, other = await tenant(db, "mine"), await tenant(db, "other")
    with pytest.raises(UnknownWorkflow):
        await accept(db, new_run(Tenant(owner.workspace_id, other.workflow_id)))
    async with db.tenant(owner.workspace_id) as connection:
        assert await workflows.delete(connection, owner.workspace_id, owner.workflow_id)
    with pytest.raises(UnknownWorkflow):
        await accept(db, new_run(owner))


async def test_a_run_keeps_the_document_that_it_began_with(db: Database) -> None:
    owner = await tenant(db)
    compiled = CompiledDocument(hash="one", content_hash="c", compiled={"text": "\x00\ud800"})
    run = new_run(owner, document=compiled)
    await accept(db, run)
    await accept(db, new_run(owner, document=CompiledDocument(hash="two", content_hash="c", compiled={})))
    async with db.tenant(owner.workspace_id) as connection:
        row = await run_rows.get(connection, run.run_id)
        assert row is not None
        assert await documents.get(connection, owner.workspace_id, row.compiled_hash) == compiled


async def test_large_trigger_data_comes_with_the_run(db: Database) -> None:
    owner = await tenant(db)
    body = b'"' + b"x" * 300_000 + b'"'
    run = new_run(owner, {"$ref": ref_of(body), "size": len(body), "type": "string"})
    async with db.single() as connection:
        await runs.accept(connection, run, None, [Payload(ref_of(body), body)])
        found = await payloads.get(connection, owner.workspace_id, run.run_id, ref_of(body))
    assert found is not None
    assert (found.body, found.kind) == (body, "data")


async def test_an_answer_is_kept_for_whoever_waits_and_only_once(db: Database) -> None:
    owner = await tenant(db)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    waited, alone = await started(db, owner, reply_until=soon), await started(db, owner)
    ws = owner.workspace_id
    async with db.single() as connection:
        assert await runs.keep_response(connection, ws, alone, {"status": 200}) == "nobody"
        assert await runs.keep_response(connection, ws, waited, {"status": 200}) == "delivered"
        assert await runs.keep_response(connection, ws, waited, {"status": 200}) == "delivered"
        assert await runs.keep_response(connection, ws, waited, {"status": 500}) == "second"
        row = await run_rows.get(connection, waited)
        assert row is not None
        assert row.response == {"status": 200}
        late = RunId(new_uuid7())
        assert await runs.keep_response(connection, ws, late, {}) == "nobody"


async def test_a_body_is_posted_once_also_before_the_step_waits(db: Database) -> None:
    owner = await tenant(db)
    run_id, ws = await started(db, owner), owner.workspace_id
    await begun(db, owner, run_id)
    async with db.single() as connection:
        answers = await asyncio.gather(*(post(db, owner, run_id, number) for number in range(5)))
        assert sorted(answers) == ["posted"] + ["second"] * 4
        kept = await resumes.get(connection, ws, run_id, "w")
        assert kept is not None
        assert kept.body == answers.index("posted")
        [signal] = await signals.pending(connection, 10)
        assert (signal.kind, signal.path) == ("resume", "w")
        await record(connection, ws, run_id, [step("over", "failed", error={"code": "event.timeout"})])
        assert await resumes.post(connection, ws, run_id, "over", 1) == "ended"
        await record(connection, ws, run_id, [], end=succeeded())
        assert await resumes.post(connection, ws, run_id, "w", 1) == "second"
        assert await resumes.post(connection, ws, run_id, "other", 1) == "ended"
        assert await resumes.post(connection, ws, RunId(new_uuid7()), "w", 1) == "unknown"


async def post(db: Database, owner: Tenant, run_id: RunId, body: int) -> str:
    async with db.single() as connection:
        return await resumes.post(connection, owner.workspace_id, run_id, "w", body)


async def test_the_workspaces_stream_is_complete_though_commits_overtake(db: Database) -> None:
    """A change that began earlier and commits later: the reader isn't shown what came after it until it is there."""
    owner = await tenant(db)
    ws = owner.workspace_id
    slow, quick = new_run(owner), new_run(owner)

    async def read(after: Place) -> list[Place]:
        async with db.tenant(ws) as connection:
            return await run_rows.changed(connection, ws, after, 100)

    async def shown(after: Place, many: int) -> list[Place]:
        """So many changes: each shows once every older transaction of the server has ended, those of other databases too."""
        async with asyncio.timeout(60):
            while len(found := await read(after)) < many:
                await asyncio.sleep(0.01)
        return found

    # The document is there: two runs that bring it at once wait for each other.
    await accept(db, new_run(owner))
    [start] = await shown(Place(0, RunId(MIN_UUID)), 1)
    async with db.engine() as held:
        await runs.accept(held, slow)
        await accept(db, quick)
        assert await read(start) == []
    await accept(db, new_run(owner))
    places = await shown(start, 3)
    assert [place.run_id for place in places][:2] == [slow.run_id, quick.run_id]
    assert await read(places[-1]) == []
    async with db.single() as connection:
        await record(connection, ws, quick.run_id, [], end=succeeded())
    await accept(db, new_run(owner))
    after = await shown(places[-1], 2)
    assert after[0].run_id == quick.run_id


async def test_a_stream_that_begins_now_shows_only_what_comes(db: Database) -> None:
    owner = await tenant(db)

    async def shown(after: Place) -> list[Place]:
        """A change shows once every older transaction of the server has ended, those of other databases too."""
        async with asyncio.timeout(60):
            while True:
                async with db.tenant(owner.workspace_id) as connection:
                    if found := await run_rows.changed(connection, owner.workspace_id, after, 10):
                        return found
                await asyncio.sleep(0.01)

    await accept(db, new_run(owner))
    await shown(Place(0, RunId(MIN_UUID)))
    async with db.tenant(owner.workspace_id) as connection:
        place = await run_rows.stream_end(connection)
        assert await run_rows.changed(connection, owner.workspace_id, place, 10) == []
    later = new_run(owner)
    await accept(db, later)
    await accept(db, new_run(owner))
    found = await shown(place)
    assert found[0].run_id == later.run_id
