"""Addresses: kept for good, and an alias in one hand, however many reach for it at once."""

from __future__ import annotations

import asyncio

import pytest

from db import email_routes
from db.email_routes import WantedRoute
from db.pool import Database
from tests.db.data_of_tests import Tenant, tenant, workflow


class _Undone(Exception):
    """The transaction isn't kept."""


async def bind(db: Database, owner: Tenant, *wanted: WantedRoute) -> bool:
    try:
        async with db.tenant(owner.workspace_id) as connection:
            if await email_routes.bind(connection, owner.workspace_id, owner.workflow_id, wanted) is not None:
                raise _Undone
    except _Undone:
        return False
    return True


async def found(db: Database, local: str) -> str | None:
    async with db.single() as connection:
        route = await email_routes.find(connection, local)
    return None if route is None else f"{route.workflow_id}/{route.trigger_id}"


async def test_an_alias_that_many_reach_for_is_one_ones(db: Database) -> None:
    owners = [await tenant(db, f"w{number}") for number in range(6)]
    got = await asyncio.gather(*(bind(db, owner, WantedRoute("t", "box", ())) for owner in owners))
    assert sorted(got) == [False] * 5 + [True]
    winner = owners[got.index(True)]
    assert await found(db, "box") == f"{winner.workflow_id}/t"
    assert await bind(db, winner)
    assert await found(db, "box") is None
    assert await bind(db, owners[got.index(False)], WantedRoute("t", "box", ()))


async def test_aliases_change_hands_within_one_workflow(db: Database) -> None:
    owner = await tenant(db)
    assert await bind(db, owner, WantedRoute("a", "one", ()), WantedRoute("b", "two", ()))
    assert await bind(db, owner, WantedRoute("a", "two", ()), WantedRoute("b", "one", ("*@x",)))
    assert (await found(db, "one"), await found(db, "two")) == (f"{owner.workflow_id}/b", f"{owner.workflow_id}/a")


async def test_an_address_stays_with_its_trigger(db: Database) -> None:
    owner = await tenant(db)
    addresses: list[str] = []
    for wanted in ([WantedRoute("t", None, ())], [], [WantedRoute("t", "box", ())]):
        assert await bind(db, owner, *wanted)
        async with db.tenant(owner.workspace_id) as connection:
            routes = await email_routes.list_routes(connection, owner.workspace_id, None, 10)
        assert len(routes) == len(wanted)
        addresses += [route.address for route in routes]
        if not wanted:
            assert await found(db, addresses[0]) is None
    assert len(set(addresses)) == 1
    assert len(addresses[0]) == 20


async def test_another_workspace_finds_none_of_them(db: Database) -> None:
    owner, other = await tenant(db, "a"), await tenant(db, "b")
    assert await bind(db, owner, WantedRoute("t", "box", ()))
    async with db.tenant(other.workspace_id) as connection:
        assert await email_routes.list_routes(connection, owner.workspace_id, None, 10) == []
    second = Tenant(owner.workspace_id, await workflow(db, owner.workspace_id, "second"))
    assert not await bind(db, second, WantedRoute("t", "box", ()))


@pytest.mark.parametrize("local", ["", "\x00", "\ud800", "nobody"])
async def test_what_can_be_no_address_is_nobodys(db: Database, local: str) -> None:
    assert await found(db, local) is None
