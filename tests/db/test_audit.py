"""The audit trail in the database: written with the change or not at all, by whoever acts, and changed by nobody afterwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import audit, variables, workspaces
from db.actor import Actor, acting_as, actor_setting
from db.audit import Change, Wanted
from db.ids import ApiKeyId, UserId, WorkspaceId, new_uuid7
from db.pool import Database
from tests.db.data_of_tests import tenant

UNAUDITED = {
    "app_queue": "items are data; the queue has its log",
    "app_queue_batches": "the machinery of queues",
    "app_queue_counts": "the machinery of queues",
    "app_queue_dedupe": "the machinery of queues",
    "app_queue_keys": "the machinery of queues",
    "app_queue_logs": "is a log itself",
    "app_queue_operations": "the machinery of queues",
    "audit": "is the trail",
    "connections_uses": "made from versions, which are audited",
    "copilot_events": "is a log itself",
    "copilot_llm_monitor_logs": "is a log itself",
    "copilot_messages": "that something was said is noted; what, is a log itself",
    "copilot_task_contexts": "what the copilot carries on of a conversation",
    "copilot_tool_calls": "is a log itself",
    "copilot_turn_steps": "is a log itself",
    "copilot_turns": "begun by messages, which are noted",
    "event_waits": "the machinery of runs that wait",
    "events_to_be_processed": "the inbox of triggers",
    "file_operations": "answers of requests that are in the trail themselves",
    "idempotency_keys": "answers of requests that are in the trail themselves",
    "kept_events": "told by runs, which have their log, or by calls, which are noted",
    "key_value_operations": "written by runs, which have their log",
    "key_values": "written by runs, which have their log",
    "llm_abilities": "what was found out of model servers, by the program",
    "llm_bodies": "what the log of model calls refers to",
    "poll_keys": "the machinery of polls",
    "polls": "made from versions, which are audited; what people do to them is noted",
    "queue_rate_limiting": "the machinery of queues",
    "rate_ledger": "the machinery of rates",
    "workflow_execution_logs": "is a log itself",
    "workflow_execution_queue": "the machinery of dispatch",
    "workflow_listeners": "made from versions, which are audited",
    "workflow_mailboxes": "made from versions, which are audited",
    "workflow_payloads": "data of runs",
    "workflow_resumes": "answers to runs, which have their log",
    "workflow_runs": "runs have their log; what people do to them is noted",
    "workflow_signals": "the machinery of dispatch",
    "workflow_words": "the words of runs",
    "workflows_documents": "made from versions, which are audited",
    "workflows_modules": "the registry, written by the program",
    "workspace_keys": "turned by Millstream, or by whoever runs the installation, who is no user",
}
"""Tables of workspaces' rows whose changes are no lines of the trail, with the reason."""

ACTOR = Actor(
    action="variables.write",
    route="PUT /x",
    request_id="r1",
    ip="::1",
    user_id=UserId(7),
    email="a@b",
    api_key_id=ApiKeyId(new_uuid7()),
)


async def trail(db: Database, workspace_id: WorkspaceId, **wanted: str) -> list[Change]:
    async with db.tenant(workspace_id) as connection:
        return await audit.page(connection, workspace_id, Wanted(**wanted), None, 100)


async def test_every_table_of_workspaces_is_audited_or_says_why_not(database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    rows = await admin.fetch(
        "select c.relname, exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'audited') as audited "
        "from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
    )
    await admin.close()
    silent = {row["relname"] for row in rows if not row["audited"]}
    assert silent == set(UNAUDITED), (
        "call audit_table('…') in the table's migration, or say here why nobody needs to know"
    )


async def test_nobody_changes_or_takes_away_what_is_written(db: Database, database_url: str) -> None:
    ws = (await tenant(db)).workspace_id
    await workspace_made_long_ago(database_url, ws)
    admin = await asyncpg.connect(database_url)
    try:
        for role in ("ms_app", "ms_engine", "ms_owner", "ms_search"):
            for statement in (
                "update audit set email = 'x'",
                "truncate audit",
                "delete from audit where at > now() - interval '29 days'",
            ):
                before = await admin.fetchval("select count(*) from audit")
                try:
                    async with admin.transaction():
                        await admin.execute(
                            f"set local role {role}; select set_config('app.ws', '{ws}', true); {statement}"
                        )
                except asyncpg.InsufficientPrivilegeError:
                    continue
                assert role in ("ms_engine", "ms_owner"), statement
                # The owner may by its rights, and its policies show it nothing; TRUNCATE asks no policy, so it needs the right alone.
                assert "truncate" not in statement or role == "ms_owner"
                if "truncate" not in statement:
                    assert await admin.fetchval("select count(*) from audit") == before
                    assert await admin.fetchval("select count(*) from audit where email = 'x'") == 0
    finally:
        await admin.close()


async def workspace_made_long_ago(url: str, ws: WorkspaceId, days: int = 400) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute(
        f"insert into audit (workspace_id, at, change, kind, object_id) values ({ws}, now() - interval '{days} days', 'old', 'x', '1')"
    )
    await admin.close()


async def test_retention_takes_the_old_and_never_the_last_month(db: Database, database_url: str) -> None:
    ws = (await tenant(db)).workspace_id
    await workspace_made_long_ago(database_url, ws)
    await workspace_made_long_ago(database_url, ws, days=20)
    young = await trail(db, ws)
    async with db.engine() as connection:
        assert await audit.delete_old(connection, 500) == 0
        assert await audit.delete_old(connection, 365) == 1
        assert await audit.delete_old(connection, 0) == 0
    assert await trail(db, ws) == [
        line for line in young if line.at > datetime.now(UTC).replace(year=datetime.now(UTC).year - 1)
    ]


async def test_a_change_that_is_undone_leaves_no_line(db: Database) -> None:
    ws = (await tenant(db)).workspace_id
    before = await trail(db, ws)

    async def change_and_fail() -> None:
        async with db.tenant(ws) as connection:
            await variables.create(connection, ws, "A", 1)
            assert await audit.note(connection, ws, "run", "x", None, "cancelled")
            raise RuntimeError

    with acting_as(ACTOR), pytest.raises(RuntimeError):
        await change_and_fail()
    assert await trail(db, ws) == before


async def test_a_column_that_comes_later_is_hidden_and_its_change_is_told(db: Database, database_url: str) -> None:
    ws = (await tenant(db)).workspace_id
    admin = await asyncpg.connect(database_url)
    await admin.execute("alter table workflows_variables add column later bytea")
    await admin.close()

    async def change(value: str) -> None:
        async with db.tenant(ws) as connection:
            await connection.script(f"update workflows_variables set later = '{value}'")

    async with db.tenant(ws) as connection:
        await variables.create(connection, ws, "A", 1)
    with acting_as(ACTOR):
        await change("secret-1")
    await change("turned by nobody")
    told = await trail(db, ws, kind="variable")
    assert [(line.change, line.after) for line in told] == [
        ("changed", {"later": "(hidden)"}),
        ("created", {"name": "A", "secret": False}),
    ]
    assert (told[0].user_id, told[0].email, told[0].ip, told[1].user_id) == (7, "a@b", "::1", None)


async def test_what_outlives_the_request_is_nobodys(db: Database) -> None:
    ws = (await tenant(db)).workspace_id
    over = asyncio.Event()

    async def later() -> bool:
        assert actor_setting() is not None
        await over.wait()
        async with db.tenant(ws) as connection:
            return await audit.note(connection, ws, "run", "x", None, "cancelled")

    with acting_as(ACTOR):
        task = asyncio.create_task(later())
        await asyncio.sleep(0)
    over.set()
    assert not await task
    assert actor_setting() is None


async def test_a_change_of_many_kinds_reads_as_it_was(db: Database) -> None:
    async with db.engine() as connection:
        made = await workspaces.create(connection, "acme", "Acme")
        assert made is not None
        ws = made.workspace_id
        user_id = await workspaces.ensure_user(connection, "a@b.org")
        await workspaces.put_role(connection, ws, user_id, "owner")
        await workspaces.put_role(connection, ws, user_id, "viewer")
        await workspaces.put_role(connection, ws, user_id, "viewer")
    told = [(line.kind, line.change, line.name, line.before, line.after) for line in await trail(db, ws)]
    assert told == [
        ("member", "changed", "a@b.org", {"role": "owner"}, {"role": "viewer"}),
        ("member", "created", "a@b.org", None, {"role": "owner", "user_id": user_id}),
        (
            "workspace",
            "created",
            "acme",
            None,
            {"name": "Acme", "plan": "self_hosted", "slug": "acme", "encrypt_logs": False},
        ),
    ]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(agent=st.text(max_size=300), name=st.text(max_size=300))
async def test_whatever_a_caller_sends_is_kept_as_text(db: Database, agent: str, name: str) -> None:
    async with db.engine() as connection:
        made = await workspaces.by_slug(connection, "acme") or await workspaces.create(connection, "acme", "Acme")
    assert made is not None
    with acting_as(Actor(action="a", route="r", request_id="i", user_agent=agent, key_name=name)):
        async with db.tenant(made.workspace_id) as connection:
            assert await audit.note(connection, made.workspace_id, "x", "1", None, "tried")
    line = (await trail(db, made.workspace_id))[0]
    assert (line.user_agent, line.key_name) == (
        agent.replace("\x00", "").encode("utf-8", "replace").decode(),
        name.replace("\x00", "").encode("utf-8", "replace").decode(),
    )
