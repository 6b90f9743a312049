"""What belongs to one workspace is invisible to another, by any statement, any table, any way in."""

from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest

from db import (
    api_keys,
    copilot,
    copilot_approvals,
    copilot_llm_calls,
    email_routes,
    events,
    files,
    flushes,
    key_values,
    llm_settings,
    mailboxes,
    payloads,
    polls,
    rates,
    resumes,
    run_rows,
    runs,
    schedules,
    steps,
    variables,
    workflows,
    workspaces,
)
from db.connection import Connection
from db.ids import ApprovalId, ConversationId, EventId, FileId, MessageId, RunId, TurnId, WorkspaceId, new_uuid7
from db.inbox import NewEvent
from db.pool import Database
from db.record import record
from db.run_rows import RunFilter
from tests.db.connections_of_tests import connected
from tests.db.data_of_tests import Tenant, accept, new_run, step, succeeded, tenant
from tests.db.queues_of_tests import bench, item

TENANT_TABLES = """
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
"""


async def furnished(db: Database, slug: str) -> tuple[Tenant, RunId]:
    """A workspace with a row in every table."""
    owner = await tenant(db, slug)
    workspace_id = owner.workspace_id
    async with db.engine() as connection:
        user_id = await workspaces.ensure_user(connection, f"{slug}@example.org")
        await workspaces.put_role(connection, workspace_id, user_id, "owner")
        await connection.script(
            f"insert into workspace_keys (workspace_id, number, master, wrapped) values ({workspace_id}, 1, 'm', '\\x00')"
        )
    async with db.tenant(workspace_id) as connection:
        await api_keys.create(connection, workspace_id, name="k", role="viewer")
        await variables.create(connection, workspace_id, "SECRET", slug)
        await key_values.change(
            connection, workspace_id, None, "k", f"op-{slug}", lambda locked: (key_values.Put(slug), slug)
        )
        await connection.script(
            "insert into idempotency_keys (workspace_id, key, route, body_hash, expires_at) "
            f"values ({workspace_id}, 'k', 'r', '', now() + interval '1 day')"
        )
        file_id = FileId(new_uuid7())
        await files.begin(connection, workspace_id, file_id, "f", "text/plain", 1, None)
        await files.finish(
            connection, workspace_id, file_id, name=slug, mime_type="a/b", size=0, sha256="", tags=[], ttl_s=None
        )
        assert await files.answer(connection, workspace_id, "same", slug, 60)
        await connected(connection, workspace_id, owner.workflow_id)
        hourly = schedules.Wanted("t", None, 3600.0, "UTC", "skip", 0.0, 0.0)
        await schedules.put(
            connection, workspace_id, owner.workflow_id, schedules.new_schedule_id(), hourly, following=None
        )
        listener = events.Wanted("t", "event", (slug,))
        await events.bind(connection, workspace_id, owner.workflow_id, [listener])
        await polls.bind(connection, workspace_id, owner.workflow_id, [polls.Wanted("t", 3600.0)])
        await llm_settings.put_price(
            connection,
            workspace_id,
            slug,
            input_usd=Decimal(1),
            output_usd=Decimal(2),
            cache_read_usd=None,
            cache_write_usd=None,
        )
        await llm_settings.put_budget(connection, workspace_id, llm_settings.Budget(1, None))
        await events.keep(connection, workspace_id, EventId(new_uuid7()), "k", slug, slug, 60)
        mails = [email_routes.WantedRoute("t", f"box-{slug}", ())]
        assert await email_routes.bind(connection, workspace_id, owner.workflow_id, mails) is None
        read = mailboxes.WantedMailbox("c", slug, 60.0, "keep")
        await mailboxes.put(connection, workspace_id, owner.workflow_id, "t", read)
    queue = await bench(db, owner, flush_batch_size=1)
    await queue.put(item(1, dedupe="d"), item(2), operation=f"put-{slug}")
    [batch] = await queue.claim()
    async with db.single() as connection:
        assert await flushes.begin(connection, batch.batch_id, batch.epoch)
        await rates.take_start(connection, workspace_id, "step", "k", 1, 60.0, reserve=True)
    run = new_run(owner, {"word": f"only{slug}"})
    await accept(db, run, NewEvent(source="s", dedupe_key="same", window_s=60))
    async with db.single() as connection:
        await record(connection, workspace_id, run.run_id, [step("a", "waiting", wait_kind="event", output=slug)])
        await payloads.put(connection, workspace_id, run.run_id, b'"big"')
        assert await resumes.post(connection, workspace_id, run.run_id, "a", slug) == "posted"
    async with db.engine(workspace_id) as connection:
        await events.wait(connection, workspace_id, run.run_id, "a", "k", None)
        [poll] = await polls.list_polls(connection, workspace_id, None, 1)
        await polls.note_keys(connection, poll, ["seen"])
        abilities = llm_settings.Abilities(True, True, "text", True, True, None, True, 0.0)
        await llm_settings.put_abilities(connection, workspace_id, "e", "m", abilities)
        asked = copilot_llm_calls.Start(workspace_id, new_uuid7(), "chat", slug, "m", {"asked": slug}, {})
        assert await copilot_llm_calls.start(connection, asked, days=1, lease_s=30)
        await talked(connection, workspace_id, slug)
    return owner, run.run_id


async def talked(connection: Connection, workspace_id: WorkspaceId, said: str) -> None:
    """A conversation with the copilot, as far as it goes."""
    place = (workspace_id, ConversationId(new_uuid7()), TurnId(new_uuid7()))
    _, conversation_id, turn_id = place
    await copilot.create(connection, workspace_id, conversation_id, "user:1", said, None, None)
    assert await copilot.begin_turn(connection, workspace_id, conversation_id, turn_id, MessageId(new_uuid7()), {})
    await copilot.put_message(connection, place, MessageId(new_uuid7()), "user", said, "completed")
    assert await copilot.put_step(connection, workspace_id, copilot.TurnStep(turn_id, 1, said, [], "stop", 1), None)
    call = copilot.ToolCall(turn_id, 1, 0, "docs", said, None, None, ends=False)
    assert await copilot.put_tool_call(connection, workspace_id, call)
    await copilot.tell(connection, workspace_id, conversation_id, turn_id, [said])
    await copilot.put_context(
        connection,
        workspace_id,
        conversation_id,
        kind="summary",
        body=said,
        covers=turn_id,
        tokens=None,
        model="m",
        prompt="p 1",
    )
    await copilot_approvals.put(connection, place, ApprovalId(new_uuid7()), "deploy", "w", "x", {})


async def test_each_table_of_workspaces_forces_its_policies(db: Database, database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    try:
        names = {row["relname"] for row in await admin.fetch(TENANT_TABLES)}
        assert {"workflow_runs", "workflow_execution_logs", "api_keys", "workspace_keys"} <= names
        open_ones = await admin.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') "
            "and not (relrowsecurity and relforcerowsecurity)"
        )
        # The matrix of rights is everybody's; the list of migrations is the program's.
        assert {row["relname"] for row in open_ones} == {"access_rights", "schema_migrations"}
    finally:
        await admin.close()


async def test_a_tenant_sees_its_own_row_in_every_table_and_no_other(db: Database, database_url: str) -> None:
    (mine, _), (other, _) = await furnished(db, "mine"), await furnished(db, "other")
    admin = await asyncpg.connect(database_url)
    try:
        names = sorted(row["relname"] for row in await admin.fetch(TENANT_TABLES))
        await admin.execute(
            "insert into workflows_modules (workspace_id, module, version, title, category, kind, effect, idempotent, "
            "input_schema, output_schema, handles, slots, timeout, retry, example, manual) "
            "select w, 'x.y', 1, '', '', 'action', 'none', true, '{}', '{}', '[]', '{}', 1, '{}', '{}', '' "
            "from unnest($1::bigint[]) w",
            [mine.workspace_id, other.workspace_id],
        )
        for name in names:
            everybody = await admin.fetchval(f"select count(distinct workspace_id) from {name}")
            assert everybody == 2, f"{name} has rows of {everybody} workspaces"
        async with admin.transaction():
            await admin.execute(f"set local role ms_app; select set_config('app.ws', '{mine.workspace_id}', true)")
            for name in (name for name in names if name != "workspace_keys"):
                seen = {row[0] for row in await admin.fetch(f"select distinct workspace_id from {name}")}
                assert seen == {mine.workspace_id}, name
            assert [row[0] for row in await admin.fetch("select email from users")] == ["mine@example.org"]
        async with admin.transaction():
            await admin.execute("set local role ms_app")
            for name in (name for name in names if name != "workspace_keys"):
                assert await admin.fetchval(f"select count(*) from {name}") == 0, f"{name} shows rows to nobody"
    finally:
        await admin.close()


async def test_no_function_reaches_into_another_workspace(db: Database) -> None:
    (mine, my_run), (other, their_run) = await furnished(db, "mine"), await furnished(db, "other")
    ws = mine.workspace_id
    async with db.tenant(ws) as connection:
        assert await run_rows.get(connection, their_run) is None
        assert await steps.journal(connection, ws, their_run) == []
        assert await workflows.get(connection, ws, other.workflow_id) is None
        assert await resumes.get(connection, ws, their_run, "a") is None
        assert [row.run_id for row in await run_rows.list_runs(connection, ws, RunFilter(), None, 50)] == [my_run]
        assert await run_rows.list_ids(connection, ws, RunFilter(question="onlyother"), None, 50) == []
        assert await run_rows.list_ids(connection, ws, RunFilter(question="onlymine"), None, 50) == [my_run]
        assert (await runs.request_cancel(connection, ws, their_run)).outcome == "unknown"
        assert await resumes.post(connection, ws, their_run, "b", 1) == "unknown"
        with pytest.raises(LookupError):
            await record(connection, ws, their_run, [step("z")], end=succeeded())


FORBIDDEN = (
    "update workflow_runs set workspace_id = {other}",
    "insert into workflows_variables (workspace_id, variable_id, name, value) "
    "values ({other}, gen_random_uuid(), 'X', '1')",
    "select * from workspace_keys",
    "select * from workflow_runs_{week}",
    "delete from access_rights",
    "update users set email = 'x@y'",
    "select ensure_weeks(1)",
    "select drop_workflow_views(gen_random_uuid())",
    "select * from record_steps({other}, null, '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', "
    "'{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', "
    "'{{}}', '{{}}', '{{}}', null, null, null, null, null, null, null, '{{}}', '{{}}')",
    "create table mine (x int)",
    "set local role ms_owner; select 1",
)


async def test_what_a_tenant_may_not_do_is_refused(database_url: str, db: Database) -> None:
    (mine, _), (other, _) = await furnished(db, "mine"), await furnished(db, "other")
    login = f"leak_{uuid4().hex}"
    admin = await asyncpg.connect(database_url)
    try:
        week = await admin.fetchval(
            "select right(max(inhrelid::regclass::text), 8) from pg_inherits where inhparent = 'workflow_runs'::regclass"
        )
        # As a login without any other right than to act as ms_app: what a leak in the program could do at most.
        await admin.execute(f"create role {login} login password 'leak'; grant ms_app to {login} with inherit false")
        leak = await asyncpg.connect(database_url, user=login, password="leak")
        try:
            for statement in FORBIDDEN:
                await leak.execute("begin; set local role ms_app")
                await leak.execute(f"select set_config('app.ws', '{mine.workspace_id}', true)")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await leak.execute(statement.format(other=other.workspace_id, week=week))
                await leak.execute("rollback")
        finally:
            await leak.close()
    finally:
        await admin.execute(f"drop role if exists {login}")
        await admin.close()


async def test_a_narrowed_engine_sees_one_workspace_and_an_open_one_all(db: Database) -> None:
    (mine, my_run), (_, their_run) = await furnished(db, "mine"), await furnished(db, "other")
    async with db.engine(mine.workspace_id) as connection:
        assert {row.run_id for row in await run_rows.by_ids(connection, [my_run, their_run])} == {my_run}
    async with db.engine() as connection:
        assert {row.run_id for row in await run_rows.by_ids(connection, [my_run, their_run])} == {my_run, their_run}


async def test_an_event_of_one_workspace_is_no_duplicate_in_another(db: Database) -> None:
    (mine, my_run), (other, their_run) = await furnished(db, "mine"), await furnished(db, "other")
    again = await accept(db, new_run(mine), NewEvent(source="s", dedupe_key="same", window_s=60))
    assert (again.duplicate, again.run_id) == (True, my_run)
    assert my_run != their_run
    assert other.workspace_id != mine.workspace_id


async def test_a_missing_workspace_is_nobody(db: Database) -> None:
    await furnished(db, "mine")
    async with db.tenant(WorkspaceId(10**9)) as connection:
        assert await run_rows.list_runs(connection, WorkspaceId(10**9), RunFilter(), None, 50) == []


async def test_no_partition_and_no_view_shows_a_foreign_row(db: Database, database_url: str) -> None:
    """Named directly, as anything in the catalogue can be: what there is comes from there."""
    (mine, _), (other, _) = await furnished(db, "mine"), await furnished(db, "other")
    async with db.engine() as connection:
        for each in (mine, other):
            await workflows.ensure_views(connection, each.workflow_id)
    admin = await asyncpg.connect(database_url)
    try:
        partitions = await admin.fetch("select relname from pg_class where relispartition and relkind = 'r'")
        views = await admin.fetch(
            "select oid::regclass::text as name from pg_class where relkind in ('v', 'm') and relname !~ '^pg_' "
            "and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')"
        )
        assert len(partitions) > 6
        assert len(views) > 8
        for row in partitions:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await as_tenant(admin, mine, f"select from {row['relname']}")
        for row in views:
            found = await as_tenant(admin, mine, f"select to_jsonb(v)->>'workspace_id' from {row['name']} v")
            assert {one[0] for one in found} <= {str(mine.workspace_id)}, row["name"]
        # What the planner has learnt of the columns are values of everybody's rows.
        await admin.execute("analyze")
        assert (
            await as_tenant(
                admin,
                mine,
                "select tablename from pg_stats where schemaname = 'public' and tablename not in ('access_rights', 'schema_migrations')",
            )
            == []
        )
    finally:
        await admin.close()


DEFINERS = {
    "search_runs": "select search_runs('{{only{other}}}', null, null, null, null, null, null, '{zero}', '{full}', 100, false)",
    "ensure_workflow_views": "select ensure_workflow_views('{workflow}')",
}
"""Functions that act with their owner's rights and that a tenant may call, each with what would reach into the other workspace."""


async def test_no_function_with_rights_of_its_own_tells_of_a_foreign_row(db: Database, database_url: str) -> None:
    (mine, _), (other, run_id) = await furnished(db, "mine"), await furnished(db, "other")
    admin = await asyncpg.connect(database_url)
    try:
        found = await admin.fetch(
            "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace "
            "and has_function_privilege('ms_app', oid, 'execute')"
        )
        assert {row["proname"] for row in found} == set(DEFINERS), "say here how the new one is asked for foreign rows"
        for statement in DEFINERS.values():
            text = statement.format(
                other="other", zero=UUID(int=0), full=UUID(int=2**128 - 1), workflow=other.workflow_id
            )
            told = str([row[0] for row in await as_tenant(admin, mine, text)])
            assert str(run_id) not in told
            if "wf_" in told:
                rows = await as_tenant(admin, mine, f"select from {told[2:-2]}.workflow_execution_logs")
                assert rows == []
        unsafe = await admin.fetch(
            "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace "
            "and not coalesce(proconfig::text like '%search_path=pg_catalog%', false)"
        )
        assert unsafe == []
    finally:
        await admin.close()


async def as_tenant(admin: asyncpg.Connection, who: Tenant, statement: str) -> list[asyncpg.Record]:
    """What the statement gives in a transaction as the pool begins one."""
    async with admin.transaction():
        await admin.execute(f"set local role ms_app; select set_config('app.ws', '{who.workspace_id}', true)")
        return await admin.fetch(statement)
