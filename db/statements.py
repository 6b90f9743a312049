"""Statements in files, typed: `sql/<noun>.sql` holds the text, a `Query` in `<noun>.py` says what a row is.

A file is a list of statements, each under two lines of comment: its name with the roles that may run it, and what it does.

    -- name: get (app, engine)
    -- The header of one run.
    select … from workflow_runs where run_id = :run_id

Parameters have names in the text and are passed by name. A row is built by position: the columns stand in the order of the
dataclass' fields. What several statements of a file share stands once, under `-- fragment: columns`, and is put in for `{columns}`.
A test prepares every statement as each of its roles and compares columns with fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Generic, Literal, TypeVar, cast

T = TypeVar("T")
Role = Literal["app", "engine", "owner"]

_HEADER = re.compile(r"^-- name: (?P<name>[a-z_0-9]+) \((?P<roles>[a-z, ]+)\)\n-- (?P<about>.+)\n", re.MULTILINE)
_FRAGMENT = re.compile(r"^-- fragment: (?P<name>[a-z_]+)\n(?P<text>.+?)\n(?=\n|-- |\Z)", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z_0-9]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as its file has it, with `:names` turned to `$1 …` in the order of their first use."""

    name: str
    roles: tuple[Role, ...]
    about: str
    sql: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement and what one row of its answer is. `build` takes the row's columns in order."""

    statement: Statement
    row: type[T]
    build: Callable[[Sequence[object]], T]

    def arguments(self, given: Mapping[str, object]) -> list[object]:
        names = self.statement.parameters
        if len(given) != len(names):
            raise TypeError(f"{self.statement.name!r} takes {sorted(names)}, not {sorted(given)}")
        return [given[name] for name in names]


def rows(noun: str, name: str, row: type[T]) -> Query[T]:
    """The statement `name` of `sql/<noun>.sql`, whose rows are dataclasses `row`."""

    def build(columns: Sequence[object]) -> T:
        return row(*columns)

    return Query(_statement(noun, name), row, build)


def values(noun: str, name: str, kind: type[T]) -> Query[T]:
    """The statement `name` of `sql/<noun>.sql`, whose rows have one column of type `kind`."""
    return Query(_statement(noun, name), kind, lambda columns: cast("T", columns[0]))


def command(noun: str, name: str) -> Query[None]:
    """A statement that gives no rows."""
    return Query(_statement(noun, name), type(None), lambda columns: None)


@cache
def statements(noun: str) -> Mapping[str, Statement]:
    """All statements of `sql/<noun>.sql` by name."""
    text = (resources.files("db") / "sql" / f"{noun}.sql").read_text(encoding="utf-8")
    fragments = {match["name"]: match["text"].strip() for match in _FRAGMENT.finditer(text)}
    text = _FRAGMENT.sub("", text)
    headers = list(_HEADER.finditer(text))
    found: dict[str, Statement] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        body = text[header.end() : following.start() if following else len(text)].strip().rstrip(";")
        for fragment, part in fragments.items():
            body = body.replace(f"{{{fragment}}}", part)
        roles: tuple[Role, ...] = tuple(cast("Role", role.strip()) for role in header["roles"].split(","))
        names: dict[str, int] = {}

        def numbered(match: re.Match[str], names: dict[str, int] = names) -> str:
            return f"${names.setdefault(match[1], len(names) + 1)}"

        sql = _PARAMETER.sub(numbered, body)
        if header["name"] in found:
            raise ValueError(f"sql/{noun}.sql has two statements named {header['name']!r}")
        found[header["name"]] = Statement(header["name"], roles, header["about"], sql, tuple(names))
    return found


def _statement(noun: str, name: str) -> Statement:
    return statements(noun)[name]
