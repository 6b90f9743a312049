"""Runs are found by the words of their inputs, outputs and errors, of the steps' too; by an index, in the function that tenants call."""

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.scale.backlog import Backlog, fill
from db import run_rows
from db.ids import RunId
from db.json import Json
from db.pool import Database
from db.record import End, NewStep, record
from db.run_rows import RunFilter
from db.search_words import question_words, words_of
from tests.db.data_of_tests import Tenant, accept, failed, new_run, step, succeeded, tenant


async def found(db: Database, owner: Tenant, question: str, **more: object) -> list[RunId]:
    async with db.tenant(owner.workspace_id) as connection:
        chosen = RunFilter(question=question, **more)  # type: ignore[arg-type]
        return await run_rows.list_ids(connection, owner.workspace_id, chosen, None, 50)


async def logged(
    db: Database, owner: Tenant, run_id: RunId, *rows: NewStep, end: End | None = None, **more: object
) -> None:
    async with db.single() as connection:
        await record(connection, owner.workspace_id, run_id, rows, end=end, **more)  # type: ignore[arg-type]


async def run_of(db: Database, owner: Tenant, trigger: Json = None, **more: object) -> RunId:
    run = new_run(owner, trigger, **more)
    await accept(db, run)
    return run.run_id


async def test_a_run_is_found_by_what_its_steps_took_gave_and_failed_with(db: Database) -> None:
    owner = await tenant(db)
    run_id = await run_of(db, owner, {"customer": "Ada Lovelace"})
    broken = step("b", "failed", error={"code": "http.500", "message": "Lieferung verweigert"})
    await logged(db, owner, run_id, step("a", input={"sku": "tea-42"}, output={"mail": "ada@example.org"}), broken)
    await logged(db, owner, run_id, step("c", output=[{"total": 1299.5}]), end=succeeded({"ok": "größer"}))
    for question in (
        "lovelace ADA",
        "tea-42",
        "ada@example.org",
        "lieferung http.500",
        "1299.5",
        "GRÖSSER",
        "verweig* tea",
    ):
        assert await found(db, owner, question) == [run_id], question
    for question in ("tea coffee", "lovelac", "nobody@example.org", "1300"):
        assert await found(db, owner, question) == [], question
    other = await tenant(db, "other")
    assert await found(db, other, "lovelace") == []


async def test_a_waiting_run_is_found_by_its_steps(db: Database) -> None:
    owner = await tenant(db)
    run_id = await run_of(db, owner)
    await logged(db, owner, run_id, step("a", output="asked in Zürich"))
    await logged(db, owner, run_id, step("w", "waiting", wait_kind="event", input={"who": "Grace"}), waiting=True)
    assert await found(db, owner, "zürich grace", statuses=("waiting",)) == [run_id]
    await logged(db, owner, run_id, step("w", output={"answer": "granted"}), waiting=False)
    await logged(db, owner, run_id, end=failed("late.answer"))
    assert await found(db, owner, "zürich granted late") == [run_id]


@pytest.mark.parametrize(
    ("log", "end", "by_input", "by_step"),
    [
        ("none", succeeded(), False, False),
        ("none", failed(), False, False),
        ("errors", succeeded(), True, False),
        ("errors", failed(), True, True),
        ("full", succeeded(), True, True),
    ],
)
async def test_what_a_run_does_not_keep_does_not_find_it(
    db: Database, database_url: str, log: str, end: End, by_input: bool, by_step: bool
) -> None:
    owner = await tenant(db)
    run_id = await run_of(db, owner, "given", log=log)
    await logged(db, owner, run_id, step("a", output="early"))
    await logged(db, owner, run_id, step("w", "waiting", wait_kind="timer"), waiting=True)
    await logged(db, owner, run_id, step("b", output="late"), end=end)
    assert bool(await found(db, owner, "given")) == by_input
    assert bool(await found(db, owner, "early late")) == by_step
    admin = await asyncpg.connect(database_url)
    assert await admin.fetchval("select count(*) from workflow_words") == 0, "words wait for the end only"
    await admin.close()


async def test_as_many_and_as_long_words_as_there_may_be_end_no_run_badly(db: Database) -> None:
    """PostgreSQL refuses more than 1 MB of words, and a run whose end is refused would never end."""
    owner = await tenant(db)

    def long(kind: str) -> Json:
        return [f"{kind}{number:05}" + "\U00010330" * 58 for number in range(2500)]

    run_id = await run_of(db, owner, long("in"))
    for number in range(4):
        await logged(db, owner, run_id, step(f"s{number}", input=long(f"s{number}"), output=long("out")))
        await logged(db, owner, run_id, step(f"w{number}", "waiting", wait_kind="timer"), waiting=True)
        await logged(db, owner, run_id, step(f"w{number}"), waiting=False)
    await logged(db, owner, run_id, step("z", input=long("z")), end=succeeded(long("end")))
    async with db.engine() as connection:
        run = await run_rows.get(connection, run_id)
    assert run is not None
    assert run.status == "succeeded"
    assert await found(db, owner, "in00001*") == [run_id]


async def test_scripts_without_spaces_and_odd_forms(db: Database) -> None:
    owner = await tenant(db)
    run_id = await run_of(
        db, owner, {"名前": "東京タワー", "ligature": "ﬁle", "composed": "Mu\u0308nchen", "id": str(UUID(int=77))}
    )
    for question in ("東京", "タワー", "FILE", "münchen", "MU\u0308NCHEN", str(UUID(int=77)), "名前 ligature"):
        assert await found(db, owner, question) == [run_id], question
    assert await found(db, owner, "大阪") == []


def test_a_question_of_punctuation_holds_no_word() -> None:
    for question in ("", " ", "!?", "***", "-_-", "\x00", "…", "\ud800", "__"):
        assert question_words(question) == []


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_a_text_is_found_by_itself(text: str) -> None:
    """Whoever copies a value into the question finds the run, whatever the value is."""
    asked = {word.removesuffix("*") for word in question_words(text)}
    assert asked <= set(words_of(text))


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=12,
    )
)
def test_words_are_storable_and_bounded(value: Json) -> None:
    for word in words_of(value):
        assert 0 < len(word) <= 64
        assert word.encode()
        assert "\x00" not in word
        assert word.isalnum() or not word.isascii()


async def plans(url: str, owner: Tenant, *arguments: object) -> str:
    """The plan of the statement inside of `search_runs`, as a tenant calls it."""
    told: list[str] = []
    admin = await asyncpg.connect(url)
    try:
        admin.add_log_listener(lambda _, message: told.append(str(message)))
        await admin.execute(
            "load 'auto_explain'; set auto_explain.log_nested_statements = on; set auto_explain.log_min_duration = 0; "
            "set auto_explain.log_level = notice; set client_min_messages = notice; "
            "set enable_seqscan = off"  # most weeks are tiny here
        )
        await admin.execute(f"begin; set local role ms_app; select set_config('app.ws', '{owner.workspace_id}', true)")
        await admin.fetch("select search_runs($1, $2, $3, null, null, null, null, $4, $5, 50, false)", *arguments)
        await admin.execute("commit")
    finally:
        await admin.close()
    return "\n".join(text for text in told if "r.search @@" in text)


async def test_a_tenants_question_goes_by_the_index_of_words_when_a_word_is_rare(
    db: Database, database_url: str
) -> None:
    owner = await tenant(db)
    await fill(database_url, owner.workspace_id, Backlog(ended=6000, steps=1, weeks=2))
    low, high = UUID(int=0), UUID(int=2**128 - 1)
    rare = await plans(database_url, owner, ["n77", "order"], None, None, low, high)
    assert "search_idx" in rare, rare
    assert "Seq Scan on workflow_runs" not in rare, rare
    # A word of every run needs no index of words: the newest runs are looked through until there are enough.
    common = await plans(database_url, owner, ["order"], None, None, low, high)
    assert "run_id_idx" in common, common
    assert len(await found(db, owner, "order")) == 50
    assert len(await found(db, owner, "n77 order")) == 1
    assert len(await found(db, owner, "customer7", until=datetime.now(UTC))) == 6
