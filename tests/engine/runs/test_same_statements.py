"""Whether or not a foreign thing exists, the same statements are run for who asks, so that the time of an answer tells no more than its text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from db import api_keys, members, variables, workspaces
from db.connection import Connection
from db.driver import Session
from db.ids import ApiKeyId, RunId, UserId, WorkspaceId, new_uuid7
from db.pool import Database
from engine.problems import Problem
from engine.queues.queues import Queues
from engine.queues.sealed_items import SealedItems
from engine.runs.pins import pin
from engine.runs.replay import ReplayRequest
from engine.runs.start import StartRequest
from tests.engine.runs.stack import Stack, open_stack
from tests.fixtures.flows import flow, step

_SEEN: ContextVar[list[str] | None] = ContextVar("seen", default=None)


class Watching:
    """A session that tells which statements it was given, to whoever looks from the task at hand."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Sequence[object]]:
        _note(query)
        return await self._session.fetch(query, *args, timeout=timeout)

    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Sequence[object] | None:
        _note(query)
        return await self._session.fetchrow(query, *args, timeout=timeout)

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        _note(query)
        return await self._session.execute(query, *args, timeout=timeout)


def _note(query: str) -> None:
    seen = _SEEN.get()
    if seen is not None:
        seen.append(query)


class WatchedDatabase(Database):
    @asynccontextmanager
    async def _acquired(self) -> AsyncGenerator[Session]:
        async with super()._acquired() as session:
            yield Watching(session)  # type: ignore[misc]


@pytest.fixture
async def watched(database_url: str) -> AsyncIterator[Database]:
    opened = await WatchedDatabase.open(database_url, max_size=12, application="test")
    yield opened
    await opened.close()


@pytest.fixture
async def stack(watched: Database, temporal_address: str) -> AsyncIterator[Stack]:
    async with open_stack(watched, temporal_address) as opened:
        yield opened


async def statements(call: Callable[[], Awaitable[object]]) -> tuple[list[str], str]:
    """What the call ran, and how it was refused."""
    seen: list[str] = []
    token = _SEEN.set(seen)
    try:
        said = str(await call())
    except Problem as problem:
        said = f"{problem.status} {problem.code}"
    finally:
        _SEEN.reset(token)
    return seen, said


Asking = Callable[[Connection], Awaitable[object]]


async def in_tenant(db: Database, ws: WorkspaceId, asking: Asking) -> object:
    async with db.tenant(ws) as conn:
        return await asking(conn)


async def in_engine(db: Database, ws: WorkspaceId, asking: Asking) -> object:
    async with db.engine(ws) as conn:
        return await asking(conn)


async def test_a_foreign_id_costs_what_one_of_nothing_costs(stack: Stack, watched: Database) -> None:
    async with watched.engine() as conn:
        other = await workspaces.create(conn, "other", "Other")
    assert other is not None
    ws, theirs = other.workspace_id, stack.workspace_id
    queues = Queues(watched, SealedItems(stack.vault), stack.hub)
    name = await stack.define(flow(a=step("core.set", values={})))
    run = (await stack.run(name)).run_id
    workflow = str((await stack.definitions.get(theirs, "acme", name))["workflow_id"])
    queue = str((await queues.create(theirs, None, {"name": "q"}))["queue_id"])
    await queues.put(theirs, queue, {"items": [{"data": 1}]})
    async with watched.tenant(theirs) as conn:
        await variables.create(conn, theirs, "V", 1)
        key, _ = await api_keys.create(conn, theirs, name="k", role="owner")
    async with watched.engine(theirs) as conn:
        member = await members.add(conn, theirs, "a@b.org", "viewer")
    assert member is not None
    nothing = new_uuid7()
    document = {"schema_version": 1, "name": "x", "steps": {}}
    asked: list[tuple[Callable[[str], Awaitable[object]], str, str]] = []

    def each(there: object, none: object, *calls: Callable[[str], Awaitable[object]]) -> None:
        asked.extend((call, str(there), str(none)) for call in calls)

    each(
        *(run, nothing),
        lambda one: stack.reader.view(ws, RunId(UUID(one))),
        lambda one: stack.reader.list_steps(ws, RunId(UUID(one)), None, 50),
        lambda one: stack.reader.payload(ws, RunId(UUID(one)), "0" * 32),
        lambda one: stack.canceller.cancel(ws, RunId(UUID(one))),
        lambda one: stack.replayer.replay(ws, RunId(UUID(one)), ReplayRequest(), authority="owner"),
        lambda one: pin(watched, ws, RunId(UUID(one)), ApiKeyId(new_uuid7()), {}),
    )
    each(
        *(workflow, nothing),
        lambda one: stack.definitions.get(ws, "other", one),
        lambda one: stack.definitions.draft(ws, one),
        lambda one: stack.definitions.save_draft(ws, None, one, document, 1, authority="owner"),
        lambda one: stack.definitions.deploy(ws, None, one, None, None, authority="owner"),
        lambda one: stack.definitions.rollback(ws, one, 1, authority="owner"),
        lambda one: stack.definitions.set_status(ws, "other", one, "paused"),
        lambda one: stack.definitions.delete(ws, one, purge=True),
        lambda one: stack.definitions.list_versions(ws, one, None, 50),
        lambda one: stack.starter.start(ws, one, StartRequest.read({}), authority="owner"),
        lambda one: stack.tester.test(ws, one, "draft", authority="owner"),
    )
    each(
        *(queue, nothing),
        lambda one: queues.get(ws, one),
        lambda one: queues.items(ws, one, None, 50),
        lambda one: queues.put(ws, one, {"items": [{"data": 1}]}),
        lambda one: queues.update(ws, one, {"max_attempts": 5}),
        lambda one: queues.flush(ws, one),
        lambda one: queues.delete(ws, one, force=True),
    )
    each("V", "W", lambda one: in_tenant(watched, ws, lambda conn: variables.get(conn, ws, one)))
    each(
        key.api_key_id,
        nothing,
        lambda one: in_tenant(watched, ws, lambda conn: api_keys.revoke(conn, ws, ApiKeyId(UUID(one)))),
    )
    each(
        *(int(member.user_id), 10**9),
        lambda one: in_engine(watched, ws, lambda conn: members.remove(conn, ws, UserId(int(one)))),
        lambda one: in_engine(watched, ws, lambda conn: members.set_role(conn, ws, UserId(int(one)), "owner")),
    )
    for number, (call, there, none) in enumerate(asked):
        first, second = [await statements(partial(call, one)) for one in (there, none)]
        assert first == second, number
        assert first[0], "it was asked for"
        assert first[1] in ("None", "False", "unknown") or first[1].startswith("404 "), first[1]


async def test_a_key_that_does_not_hold_costs_what_an_unknown_one_costs(watched: Database) -> None:
    async with watched.engine() as conn:
        made = await workspaces.create(conn, "acme", "Acme")
        assert made is not None
        ws = made.workspace_id
    async with watched.engine(ws) as conn:
        member = await members.add(conn, ws, "a@b.org", "owner")
        assert member is not None
        _, left = await api_keys.create(conn, ws, name="left", role="owner", user_id=member.user_id)
        revoked_key, revoked = await api_keys.create(conn, ws, name="revoked", role="owner")
        past = datetime.now(UTC) - timedelta(seconds=1)
        _, expired = await api_keys.create(conn, ws, name="expired", role="owner", expires_at=past)
        await api_keys.revoke(conn, ws, revoked_key.api_key_id)
        await conn.script(f"delete from user_roles where user_id = {int(member.user_id)}")

    async def ask(key: str) -> object:
        async with watched.single() as conn:
            return await api_keys.authenticate(conn, key)

    found = [await statements(partial(ask, key)) for key in ("ms_unknown", left, revoked, expired, "", "x" * 10**6)]
    assert all(one == found[0] for one in found)
    assert (len(found[0][0]), found[0][1]) == (1, "None")
