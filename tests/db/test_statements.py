"""Every statement of every file, against the tables: it can be run by its roles, and its columns are its dataclass' fields."""

import ast
import dataclasses
import importlib
import pkgutil
import re
import types
import typing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

import db as package
from db.json import Json
from db.statements import Query, statements

_FOLDER = Path(package.__path__[0])
_KINDS: dict[str, set[object]] = {
    "int2": {int},
    "int4": {int},
    "int8": {int},
    "float8": {float},
    "numeric": {Decimal},
    "text": {str},
    "bool": {bool},
    "uuid": {UUID},
    "timestamptz": {datetime},
    "date": {date},
    "bytea": {bytes},
    "json": {"json"},
    "jsonb": {"json"},
    "text[]": {list},
    "int4[]": {list},
    "int8[]": {list},
    "uuid[]": {list},
    "void": {type(None)},
}


def _queries() -> list[tuple[str, str, Query[typing.Any]]]:
    found: list[tuple[str, str, Query[typing.Any]]] = []
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            continue
        for name, value in vars(importlib.import_module(f"db.{module.name}")).items():
            candidates = value if isinstance(value, tuple) else (value,)
            found.extend((module.name, name, query) for query in candidates if isinstance(query, Query))
    return found


QUERIES = _queries()
STATEMENTS = {
    (path.stem, statement.name): statement
    for path in sorted((_FOLDER / "sql").glob("*.sql"))
    for statement in statements(path.stem).values()
}


@pytest.fixture(scope="session")
async def connection(postgres_url: str, template_database: str) -> typing.AsyncIterator[asyncpg.Connection]:
    name = f"statements_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"create database {name} template {template_database}")
    made = await asyncpg.connect(postgres_url.rsplit("/", 1)[0] + f"/{name}")
    yield made
    await made.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


def test_a_bounded_choice_is_made_once() -> None:
    """A subquery in a join may be asked again for each row, and what locks and skips finds others then: more than its limit."""
    again = [
        path.name
        for path in sorted(_FOLDER.glob("*/*.sql"))
        if re.search(r"\bin \(\s*select[^;]*?\bskip locked\)", path.read_text())
    ]
    assert again == [], "choose in an array or a CTE of its own"


def test_every_statement_is_used_and_no_query_is_without_one() -> None:
    used = {id(query.statement) for _, _, query in QUERIES}
    assert [key for key, statement in STATEMENTS.items() if id(statement) not in used] == []


async def test_each_role_may_run_its_statements(connection: asyncpg.Connection) -> None:
    wrong: list[str] = []
    for (noun, name), statement in STATEMENTS.items():
        for role in statement.roles:
            try:
                # A plan for any values, checked for rights as an execution is; the simple protocol sends no values.
                await connection.execute(f"begin; set local role ms_{role}; explain (generic_plan) {statement.sql}")
            except asyncpg.PostgresError as error:
                wrong.append(f"{noun}.{name} as ms_{role}: {error}")
            await connection.execute("rollback")
    assert wrong == []


async def test_rows_are_what_python_says(connection: asyncpg.Connection) -> None:
    wrong: list[str] = []
    for noun, name, query in QUERIES:
        prepared = await connection.prepare(query.statement.sql)
        columns = [(column.name, column.type.name) for column in prepared.get_attributes()]
        wrong.extend(f"db/{noun}.py {name}: {problem}" for problem in _differences(query.row, columns))
    assert wrong == []


def _differences(row: type[object], columns: list[tuple[str, str]]) -> list[str]:
    if row is type(None):
        return [] if columns in ([], [("pg_notify", "void")]) else [f"gives rows: {columns}"]
    if not dataclasses.is_dataclass(row):
        fits = len(columns) == 1 and (row is object or row in _KINDS[columns[0][1]])
        return [] if fits else [f"{columns} is no {row.__name__}"]
    hints = typing.get_type_hints(row)
    fields = [field.name for field in dataclasses.fields(row)]
    if len(columns) != len(fields):
        return [f"{[name for name, _ in columns]} are to be {fields}"]
    return [
        f"{field} is {kind} {column!r}"
        for (column, kind), field in zip(columns, fields, strict=True)
        if column != field or not _kinds(hints[field]) & _KINDS[kind]
    ]


def _kinds(hint: object) -> set[object]:
    """The plain types that a field's annotation allows."""
    if hint is Json or "Json" in str(hint):
        return {"json"}
    if hasattr(hint, "__supertype__"):
        return _kinds(hint.__supertype__)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(hint)}
    if origin in (typing.Union, types.UnionType):
        return set().union(*(_kinds(part) for part in typing.get_args(hint)))
    if origin is not None:
        return {list}
    return {hint}


def _calls() -> list[tuple[str, int, str, set[str] | None]]:
    """Every use of a query in the package: file, line, the query's name, the names that are passed (None: with **)."""
    found: list[tuple[str, int, str, set[str] | None]] = []
    for path in sorted(_FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("all", "maybe", "one", "count")
                and node.args
                and isinstance(node.args[0], ast.Name)
                and node.args[0].id.startswith("_")
            ):
                names = {keyword.arg for keyword in node.keywords if keyword.arg}
                starred = any(keyword.arg is None for keyword in node.keywords)
                found.append((path.stem, node.lineno, node.args[0].id, None if starred else names))
    return found


def test_each_call_passes_the_parameters_of_its_statement() -> None:
    by_name = {(noun, name): query.statement for noun, name, query in QUERIES}
    wrong = [
        f"db/{noun}.py:{line} passes {sorted(names)} to {name}, which takes {sorted(by_name[noun, name].parameters)}"
        for noun, line, name, names in _calls()
        if names is not None and names != set(by_name[noun, name].parameters)
    ]
    assert wrong == []
