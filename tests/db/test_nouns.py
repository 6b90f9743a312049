"""Workflows, versions, variables, keys, idempotency, key-values, modules, the first start, and what time takes away."""

import asyncio
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import (
    api_keys,
    bootstrap,
    documents,
    idempotency,
    json,
    key_values,
    keys,
    maintenance,
    modules,
    payloads,
    run_rows,
    steps,
    variables,
    versions,
    workflows,
    workspaces,
)
from db.idempotency import Earlier
from db.ids import WorkflowId, new_uuid7
from db.key_values import Locked, Put, Remove
from db.keys import KeyRow
from db.modules import ModuleRow
from db.pool import Database
from db.record import record
from db.run_rows import RunFilter
from db.search_words import question_words, words_of
from db.versions import Deployed
from tests.db.data_of_tests import accept, new_run, started, step, succeeded, tenant

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_json_text_gives_the_value_back(value: json.Json) -> None:
    assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, b"x"], ids=repr)
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|range"):
        json.dumps(value)  # type: ignore[arg-type]


def test_words_of_data_and_of_a_question_are_the_same() -> None:
    data: json.Json = {"Order-ID": "ＡＢ-12", "note": "Straße, 東京 café\x00", "n": [3.5, True, None, 42]}
    found = words_of(data)
    assert found == [
        "order",
        "id",
        "ab",
        "12",
        "note",
        "strasse",
        "東",
        "京",
        "café",
        "n",
        "3",
        "5",
        "true",
        "null",
        "42",
    ]
    assert question_words("STRASSE 東京 caf*") == ["strasse", "東", "京", "caf*"]
    assert set(question_words("ab-12")) <= set(found)


async def test_a_name_is_taken_until_its_workflow_is_deleted(db: Database) -> None:
    owner = await tenant(db)
    ws = owner.workspace_id
    async with db.tenant(ws) as connection:
        assert await workflows.create(connection, ws, "orders") is None
        paused = await workflows.set_status(connection, ws, owner.workflow_id, "paused")
        assert paused is not None
        assert paused.status == "paused"
        assert await workflows.delete(connection, ws, owner.workflow_id)
        assert await workflows.delete(connection, ws, owner.workflow_id) is None
        assert await workflows.set_status(connection, ws, owner.workflow_id, "active") is None
        gone = await workflows.by_name(connection, ws, "orders")
        assert gone is not None
        assert gone.status == "deleted"
        again = await workflows.create(connection, ws, "orders")
        assert again is not None
        assert await workflows.by_name(connection, ws, "orders") == again
        assert [one.name for one in await workflows.list_workflows(connection, ws, None, 10)] == ["orders"]


async def test_a_draft_is_saved_only_over_the_revision_that_was_read(db: Database) -> None:
    owner = await tenant(db)
    ws, wf = owner.workspace_id, owner.workflow_id

    async def save(text: str) -> bool:
        async with db.tenant(ws) as connection:
            return await versions.put_draft(connection, ws, wf, {"name": text}, text, 1) is not None

    assert sorted(await asyncio.gather(*(save(f"d{number}") for number in range(5)))) == [False] * 4 + [True]
    async with db.tenant(ws) as connection:
        draft = await versions.draft(connection, ws, wf)
    assert draft is not None
    assert (draft.revision, draft.document) == (2, {"name": draft.content_hash})


async def test_deploys_number_upwards_and_equal_content_is_one_version(db: Database) -> None:
    owner = await tenant(db)
    ws, wf = owner.workspace_id, owner.workflow_id

    async def deploy(text: str, cap: int | None = None) -> Deployed | None:
        async with db.tenant(ws) as connection:
            return await versions.deploy(connection, ws, wf, {"text": text}, text, cap=cap, note=f"made {text}")

    made = await asyncio.gather(deploy("b"), deploy("c"))
    assert sorted(one.version for one in made if one) == [2, 3]
    assert await deploy("d", cap=5) == Deployed(4, True)
    again = await deploy("b")
    assert again is not None
    assert not again.created
    async with db.tenant(ws) as connection:
        listed = await versions.list_versions(connection, ws, wf, None, 10)
        assert [(one.version, one.live) for one in listed] == [(n, n == again.version) for n in (4, 3, 2, 1)]
        back = await versions.rollback(connection, ws, wf, 4, 5)
        assert back is not None
        assert back.live
        workflow = await workflows.get(connection, ws, wf)
        assert workflow is not None
        assert (workflow.live_version, workflow.max_concurrent_runs) == (4, 5)
        assert await versions.rollback(connection, ws, wf, 99, None) is None
        assert await versions.document(connection, ws, wf, 4) == {"text": "d"}
        assert await versions.deploy(connection, ws, WorkflowId(new_uuid7()), {}, "x", cap=None) is None


async def test_variables(db: Database) -> None:
    ws = (await tenant(db)).workspace_id
    async with db.tenant(ws) as connection:
        made = await variables.create(connection, ws, "A", {"x": ["\x00", None]})
        assert made is not None
        assert await variables.create(connection, ws, "A", 2) is None
        assert await variables.create(connection, ws, "B", None)
        assert await variables.all_values(connection, ws) == {"A": {"x": ["\x00", None]}, "B": None}
        changed = await variables.put(connection, ws, made, 3)
        assert changed is not None
        assert await variables.get(connection, ws, "A") == changed
        secret = await variables.put(connection, ws, made, "***", closed=b"closed")
        assert secret is not None
        assert (secret.secret, (await variables.at_start(connection, ws))[1]) == (True, {"A"})
        assert await variables.put(connection, ws, made, 3) is None
        assert not await variables.delete(connection, ws, made)
        assert [one.name for one in await variables.list_variables(connection, ws, "A", 10)] == ["B"]
        assert await variables.delete(connection, ws, secret)
        assert not await variables.delete(connection, ws, secret)


async def test_api_keys(db: Database) -> None:
    ws = (await tenant(db)).workspace_id
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with db.tenant(ws) as connection:
        made, text = await api_keys.create(connection, ws, name="k", role="editor", scopes=["hook"])
        _, old = await api_keys.create(connection, ws, name="old", role="viewer", expires_at=past)
    assert text.startswith(made.prefix)
    async with db.single() as connection:
        found = await api_keys.authenticate(connection, text)
        assert found is not None
        assert (found.api_key_id, found.role, list(found.scopes)) == (made.api_key_id, "editor", ["hook"])
        for wrong in (old, text[:-1], "", "\ud800", "x" * 10_000):
            assert await api_keys.authenticate(connection, wrong) is None
    async with db.tenant(ws) as connection:
        assert [one.name for one in await api_keys.list_keys(connection, ws, None, 10)] == ["old", "k"]
        assert await api_keys.revoke(connection, ws, made.api_key_id)
        assert not await api_keys.revoke(connection, ws, made.api_key_id)
    async with db.single() as connection:
        assert await api_keys.authenticate(connection, text) is None


async def test_wrapped_keys_stay_as_they_came_first(db: Database) -> None:
    ws = (await tenant(db)).workspace_id
    async with db.engine() as connection:
        assert await keys.some(connection) is None
        first = KeyRow(1, "m", b"one")
        assert await keys.add(connection, ws, first) == [first]
        assert await keys.add(connection, ws, KeyRow(1, "m", b"other")) == [first]
        assert await keys.add(connection, ws, KeyRow(2, "m", b"two")) == [first, KeyRow(2, "m", b"two")]
        some = await keys.some(connection)
    assert some is not None
    assert (some.workspace_id, some.number) == (ws, 2)


async def test_a_request_with_a_key_is_answered_once(db: Database) -> None:
    ws = (await tenant(db)).workspace_id
    async with db.single() as connection:

        async def begin(body: bytes = b"b", route: str = "POST /x") -> object:
            return await idempotency.begin(connection, ws, "key\x00", route, body)

        assert await begin() == "fresh"
        assert await begin() == "at_work"
        assert await begin(b"other") == "mismatch"
        await idempotency.forget(connection, ws, "key\x00")
        assert await begin(b"other") == "fresh"
        await idempotency.finish(connection, ws, "key\x00", 201, {"id": "\x00"})
        assert await begin(b"other") == Earlier(201, {"id": "\x00"})
        assert await begin(b"other", "POST /y") == "mismatch"
        await connection.script("update idempotency_keys set expires_at = now()")
        assert await begin() == "fresh"
        await connection.script("update idempotency_keys set created_at = now() - interval '2 minutes'")
        assert await begin() == "fresh"


async def test_key_values_change_once_per_operation_whoever_comes_between(db: Database) -> None:
    owner = await tenant(db)
    ws = owner.workspace_id

    async def increment(operation: str) -> json.Json:
        def decide(locked: Locked) -> tuple[Put, json.Json]:
            value = (locked.value if isinstance(locked.value, int) else 0) + 1
            return Put(value), value

        async with db.tenant(ws) as connection:
            return await key_values.change(connection, ws, owner.workflow_id, "n", operation, decide)

    answers = await asyncio.gather(*(increment(f"op{number % 8}") for number in range(24)))
    assert answers == [answers[number % 8] for number in range(24)]
    assert sorted(answers[:8], key=str) == [1, 2, 3, 4, 5, 6, 7, 8]
    async with db.tenant(ws) as connection:
        entry = await key_values.get(connection, ws, owner.workflow_id, "n")
        assert entry is not None
        assert (entry.value, entry.version) == (8, 8)
        assert await key_values.get(connection, ws, None, "n") is None


async def test_key_values_expire_go_and_leave_no_trace_of_a_look(db: Database, database_url: str) -> None:
    ws = (await tenant(db)).workspace_id
    long_key = "k" * 5_000

    async def change(operation: str, todo: Put | Remove | None) -> Locked:
        seen: list[Locked] = []

        def decide(locked: Locked) -> tuple[Put | Remove | None, json.Json]:
            seen.append(locked)
            return todo, None

        async with db.tenant(ws) as connection:
            await key_values.change(connection, ws, None, long_key, operation, decide)
        return seen[0]

    assert await change("look", None) == Locked(None, 0, False)
    admin = await asyncpg.connect(database_url)
    try:
        assert await admin.fetchval("select count(*) from key_values") == 0
        await change("put", Put("x", ttl_s=-1))
        async with db.tenant(ws) as connection:
            assert await key_values.get(connection, ws, None, long_key) is None
        assert await change("again", Put("y")) == Locked(None, 1, False)
        assert await change("remove", Remove()) == Locked("y", 2, True)
        assert await admin.fetchval("select count(*) from key_values") == 0
    finally:
        await admin.close()


MODULE = ModuleRow(
    "x.y",
    1,
    "X",
    "x",
    "action",
    "read",
    False,
    {"type": "object"},
    True,
    ["out"],
    ["body"],
    30.0,
    {},
    {"output": "\x00"},
    "Does x.",
)


async def test_the_registry_follows_the_declarations(db: Database) -> None:
    async with db.engine() as connection:
        assert await modules.sync(connection, [MODULE, replace(MODULE, version=2)]) == 2
        assert await modules.sync(connection, [MODULE, replace(MODULE, version=2)]) == 0
        assert await modules.list_modules(connection) == [MODULE, replace(MODULE, version=2)]
        changed = replace(MODULE, input_schema={"type": "object", "required": ["a"]})
        assert await modules.sync(connection, [changed]) == 2
        assert await modules.list_modules(connection) == [changed]


async def test_the_first_start_makes_one_owner_whoever_starts_too(db: Database) -> None:
    async def start() -> bootstrap.FirstStart | None:
        async with db.engine() as connection:
            return await bootstrap.first_start(connection, "main", "Main", "owner@localhost")

    made = [one for one in await asyncio.gather(start(), start(), start()) if one]
    assert len(made) == 1
    async with db.single() as connection:
        found = await api_keys.authenticate(connection, made[0].key)
        assert found is not None
        assert (found.role, found.user_id) == ("owner", made[0].user_id)
    async with db.engine() as connection:
        other = await bootstrap.new_owner_key(connection)
    assert other is not None
    assert other.key != made[0].key
    assert other.user_id == made[0].user_id


async def test_roles_include_what_lesser_roles_may(db: Database) -> None:
    async with db.single() as connection:
        rights = await workspaces.rights(connection)
    actions = {role: {action for of, action in rights if of == role} for role in ("viewer", "editor", "owner")}
    assert actions["viewer"] < actions["editor"] < actions["owner"]
    assert not any(
        word in action for action in actions["viewer"] for word in ("write", "start", "cancel", "deploy", "delete")
    )


async def test_expired_runs_go_with_all_that_is_theirs(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    ws = owner.workspace_id
    kept = await started(db, owner, retention_days=1)
    gone = await started(db, owner, retention_days=0)
    still = await started(db, owner, retention_days=0)
    async with db.single() as connection:
        for run_id in (kept, gone):
            await payloads.put(connection, ws, run_id, b"1")
            await record(connection, ws, run_id, [step("a")], end=succeeded())
        assert await maintenance.delete_expired_runs(connection) == 1
        assert await maintenance.delete_expired_runs(connection) == 0
    async with db.tenant(ws) as connection:
        assert await run_rows.list_ids(connection, ws, RunFilter(), None, 10) == sorted([kept, still], reverse=True)
        assert await steps.journal(connection, ws, gone) == []
    admin = await asyncpg.connect(database_url)
    assert await admin.fetchval("select count(*) from workflow_payloads") == 1
    await admin.close()


async def test_a_purged_workflow_leaves_nothing(db: Database, database_url: str) -> None:
    owner = await tenant(db)
    ws, wf = owner.workspace_id, owner.workflow_id
    run_id = await started(db, owner)
    async with db.single() as connection:
        await record(connection, ws, run_id, [step("a")], end=succeeded())
    async with db.tenant(ws) as connection:
        assert not await workflows.purge(connection, ws, wf)
        assert await workflows.delete(connection, ws, wf)
    async with db.engine() as connection:
        assert await maintenance.delete_runs_of_workflow(connection, ws, wf) == 1
        assert await workflows.purge(connection, ws, wf)
        await workflows.drop_views(connection, wf)
    admin = await asyncpg.connect(database_url)
    assert await admin.fetchval("select count(*) from pg_namespace where nspname like 'wf\\_%'") == 0
    await admin.close()


async def test_a_run_that_keeps_no_data_loses_its_answer_after_an_hour(db: Database) -> None:
    owner = await tenant(db)
    ws = owner.workspace_id
    run_id = await started(db, owner, log="none")
    hours_ago = datetime.now(UTC) - timedelta(hours=2)
    async with db.single() as connection:
        await record(connection, ws, run_id, [], end=replace(succeeded({"card": 4711}), finished_at=hours_ago))
        await maintenance.strip_answers(connection)
        row = await run_rows.get(connection, run_id)
    assert row is not None
    assert (row.status, row.output) == ("succeeded", None)


async def test_a_compiled_document_goes_when_no_run_has_it_and_comes_back_with_one(db: Database) -> None:
    owner = await tenant(db)
    ws = owner.workspace_id
    run = new_run(owner, retention_days=0)
    await accept(db, run)
    async with db.engine() as connection:
        await connection.script("update workflows_documents set created_at = now() - interval '2 days'")
        assert await maintenance.retire_documents(connection) == 0
        await record(connection, ws, run.run_id, [], end=succeeded())
    async with db.engine() as connection:
        await maintenance.delete_expired_runs(connection)
        await maintenance.retire_documents(connection)
    await accept(db, new_run(owner))
    async with db.engine() as connection:
        await connection.script("update workflows_documents set retired_at = retired_at - interval '2 hours'")
        assert await maintenance.retire_documents(connection) == 0
        assert await documents.get(connection, ws, run.document.hash)


async def test_old_rows_go_and_fresh_ones_stay(db: Database) -> None:
    ws = (await tenant(db)).workspace_id
    async with db.engine() as connection:
        assert await idempotency.begin(connection, ws, "fresh", "r", b"") == "fresh"
        assert await idempotency.begin(connection, ws, "old", "r", b"") == "fresh"
        await connection.script("update idempotency_keys set expires_at = now() - interval '1 s' where key = 'old'")
        assert await maintenance.delete_old_rows(connection) == 1
        assert await idempotency.begin(connection, ws, "fresh", "r", b"") == "at_work"
