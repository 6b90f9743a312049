"""Failpoints: where they are, that none is forgotten, and what each does to whoever passes."""

import ast
import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

import db as package
from db.errors import DatabaseUnavailable
from db.failing import FailingDatabase
from db.failpoints import (
    SCRIPTS,
    BadFailpoint,
    Failpoints,
    named_statements,
    read_points,
    script_name,
    writing_statements,
)
from db.pool import Database
from db.workspaces import by_slug, create

PLACES = [f"{border}:{name}" for name in (*named_statements(), *SCRIPTS) for border in ("before", "mid", "after")]


def armed(db: Database, text: str) -> Database:
    return FailingDatabase(db, read_points(text, PLACES))


async def exists(db: Database, slug: str) -> bool:
    async with db.engine() as connection:
        return await by_slug(connection, slug) is not None


@pytest.fixture(scope="session")
async def plain(postgres_url: str, template_database: str) -> AsyncIterator[asyncpg.Connection]:
    name = f"failpoints_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"create database {name} template {template_database}")
    made = await asyncpg.connect(postgres_url.rsplit("/", 1)[0] + f"/{name}")
    yield made
    await made.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def test_no_statement_that_writes_is_without_its_places(plain: asyncpg.Connection) -> None:
    """PostgreSQL says by its plan what changes rows, and of each function whether it may."""
    changing = {
        row["name"]
        for row in await plain.fetch(
            "select p.proname as name from pg_proc p where p.pronamespace = 'public'::regnamespace and p.provolatile = 'v'"
        )
    }
    # A plan for any values: only the server's own language asks for one without giving them.
    await plain.execute("""
        create function pg_temp.plan(statement text) returns text language plpgsql as $$
        declare line text; plan text := '';
        begin
            for line in execute 'explain (generic_plan, verbose) ' || statement loop
                plan := plan || line || chr(10);
            end loop;
            return plan;
        end $$""")
    writes: set[str] = set()
    for name, statement in named_statements().items():
        plan = str(await plain.fetchval("select pg_temp.plan($1)", statement.sql))
        if (
            re.search(r"^\s*(->\s+)?(Insert|Update|Delete|Merge) on ", plan, re.MULTILINE)
            or "pg_notify(" in plan
            or any(re.search(rf"\b{function}\(", plan) for function in changing)
        ):
            writes.add(name)
    assert len(writes) > 40
    assert writes <= set(writing_statements())


def test_what_is_written_without_a_statement_has_its_places_too() -> None:
    texts: dict[str, set[str | None]] = {}
    for path in sorted(Path(package.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "script":
                parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)
                texts.setdefault(path.stem, set()).add(script_name(text))
    # The pool's own begin, the savepoints, and a probe change nothing by themselves.
    assert texts.pop("connection") == texts.pop("pool") == texts.pop("channel") == {None}
    assert texts == {"partitions": set(SCRIPTS)}


@pytest.mark.parametrize(("border", "kept"), [("before", False), ("mid", False), ("after", True)])
async def test_an_error_at_a_border_looks_like_a_server_that_went(db: Database, border: str, kept: bool) -> None:
    failing = armed(db, f"{border}:workspaces.create:error")
    with pytest.raises(DatabaseUnavailable):
        async with failing.engine() as connection:
            await create(connection, "border", "Border")
    assert await exists(db, "border") is kept
    async with failing.engine() as connection:
        assert await create(connection, "second", "Second") is not None
    assert await exists(db, "second")


@pytest.mark.parametrize("sqlstate", ["53100", "53200", "53300", "55P03", "40P01", "40001", "57014", "25006", "58030"])
async def test_what_passes_by_itself_is_unavailable(db: Database, sqlstate: str) -> None:
    failing = armed(db, f"mid:workspaces.create:error:{sqlstate}")
    with pytest.raises(DatabaseUnavailable, match=sqlstate):
        async with failing.engine() as connection:
            await create(connection, "no_room", "No room")
    assert not await exists(db, "no_room")


async def test_it_fires_once_at_its_passing(db: Database) -> None:
    failing = armed(db, "after:workspaces.create:error@2")
    made: list[str] = []
    for number in range(4):
        try:
            async with failing.engine() as connection:
                await create(connection, f"n{number}", "N")
        except DatabaseUnavailable:
            continue
        made.append(f"n{number}")
    assert made == ["n0", "n2", "n3"]


@pytest.mark.parametrize(("border", "kept"), [("before", False), ("mid", False), ("after", True)])
async def test_a_process_is_killed_exactly_there(db: Database, database_url: str, border: str, kept: bool) -> None:
    code = f"""
import asyncio
from db.failing import FailingDatabase
from db.failpoints import read_points
from db.pool import Database
from db.workspaces import create
async def main():
    db = FailingDatabase(await Database.open({database_url!r}), read_points("{border}:*:kill", ["{border}:workspaces.create"]))
    async with db.engine() as connection:
        await create(connection, "killed", "Killed")
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert said.decode() == f"failpoint {border}:workspaces.create fired: kill\n"
    assert await exists(db, "killed") is kept


def test_a_file_is_taken_by_the_first_who_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "failpoint"
    file.write_text("before:queue.claim:kill")
    assert read_points(f"file:{file}", PLACES)
    assert not read_points(f"file:{file}", PLACES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("queue.claim", "is not a failpoint"),
        ("before:queue.claims", "no place"),
        ("before:nothing.*", "no place"),
        ("before:queue.claim:explode", "'explode' is none of"),
        ("before:queue.claim:hang", "needs seconds"),
        ("before:queue.claim:error:5", "not an SQLSTATE"),
        ("before:queue.claim@0", "is not a failpoint"),
    ],
)
def test_what_is_no_failpoint_is_said(text: str, said: str) -> None:
    with pytest.raises(BadFailpoint, match=said):
        read_points(text, PLACES)


def test_a_shared_file_is_read_by_all(tmp_path: Path) -> None:
    file = tmp_path / "failpoint"
    assert not read_points(f"shared:{file}", PLACES)
    file.write_text("before:queue.claim:kill")
    assert read_points(f"shared:{file}", PLACES)
    assert read_points(f"shared:{file}", PLACES)


async def test_it_fires_by_chance_and_no_oftener_than_told(db: Database) -> None:
    failing = armed(db, "before:workspaces.create:error@p1.0x3")
    made: list[str] = []
    for number in range(5):
        try:
            async with failing.engine() as connection:
                await create(connection, f"n{number}", "N")
        except DatabaseUnavailable:
            continue
        made.append(f"n{number}")
    assert made == ["n3", "n4"]


async def test_without_a_point_nothing_is_there() -> None:
    assert not Failpoints()
    assert not read_points(" , ", PLACES)
