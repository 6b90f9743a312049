"""Key-values over PostgreSQL: the same as a store in memory for one writer, and right for many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.pool import Database
from modules.sdk.context import KeyValue, KeyValues
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import MemoryKeyValues
from tests.db.data_of_tests import tenant
from workspace.key_values import key_values_over


async def stored(db: Database, slug: str = "acme") -> KeyValues:
    owner = await tenant(db, slug)
    return key_values_over(db)(owner.workspace_id, str(owner.workflow_id))


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["get", "set", "delete", "increment"]),
        st.sampled_from(["workflow", "workspace"]),
        st.sampled_from(["a", "\x00\ud800"]),
        st.sampled_from([1, 2.5, "x", None, [1, {"\x00": "\ud800"}], 2**63]),
        st.sampled_from([None, None, 0, 1, 2]),
        st.integers(1, 8),  # the operation: now and then a repeat
    ),
    max_size=12,
)
Operation = tuple[str, str, str, Json, int | None, int]


async def outcome(keys: KeyValues, operation: Operation, salt: str) -> KeyValue | str:
    verb, scope, key, value, if_version, number = operation
    name = f"{salt}:{verb}:{scope}:{key!r}:{number}"  # one step does one thing
    where = "workspace" if scope == "workspace" else "workflow"
    calls: dict[str, Callable[[], Awaitable[KeyValue]]] = {
        "get": lambda: keys.get(where, key),
        "set": lambda: keys.set(where, key, value, ttl=None, if_version=if_version, operation=name),
        "delete": lambda: keys.delete(where, key, if_version=if_version, operation=name),
        "increment": lambda: keys.increment(where, key, 2**62, ttl=60, operation=name),
    }
    try:
        return await calls[verb]()
    except ModuleError as error:
        return error.code


async def test_it_does_what_a_store_in_memory_does(db: Database) -> None:
    @given(OPERATIONS)
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def collect(operations: list[Operation]) -> None:
        sequences.append(operations)

    sequences: list[list[Operation]] = []
    await asyncio.to_thread(collect)
    for run, operations in enumerate(sequences):
        real, memory = await stored(db, f"acme-{run}"), MemoryKeyValues()
        for operation in operations:
            assert await outcome(real, operation, str(run)) == await outcome(memory, operation, str(run)), operation


async def test_many_counters_lose_nothing(db: Database) -> None:
    keys = await stored(db)
    await asyncio.gather(*(keys.increment("workflow", "n", 1, ttl=None, operation=f"op-{n}") for n in range(40)))
    assert await keys.get("workflow", "n") == KeyValue(40, 40, found=True)


async def test_repeats_at_once_count_once(db: Database) -> None:
    keys = await stored(db)
    answers = await asyncio.gather(
        *(keys.increment("workflow", "n", 1, ttl=None, operation="the same") for _ in range(10))
    )
    assert set(answers) == {KeyValue(1, 1, found=True)}


async def test_one_of_many_takes_a_key_that_must_not_be_there(db: Database) -> None:
    keys = await stored(db)

    async def take(who: int) -> bool:
        try:
            await keys.set("workflow", "lock", who, ttl=None, if_version=0, operation=f"op-{who}")
        except ModuleError:
            return False
        return True

    assert sum(await asyncio.gather(*(take(who) for who in range(10)))) == 1


async def test_a_key_that_expired_is_not_there(db: Database) -> None:
    keys = await stored(db)
    await keys.set("workflow", "a", 1, ttl=0.0, if_version=None, operation="one")
    assert await keys.get("workflow", "a") == KeyValue(None, 0, found=False)
    assert (await keys.delete("workflow", "a", if_version=None, operation="two")).found is False
    assert (await keys.increment("workflow", "a", 5, ttl=None, operation="three")).value == 5


async def test_workspaces_and_workflows_are_apart(db: Database) -> None:
    mine, theirs = await stored(db, "mine"), await stored(db, "theirs")
    other = key_values_over(db)(int((await tenant(db, "third")).workspace_id), str(UUID(int=7)))
    await mine.set("workspace", "a", 1, ttl=None, if_version=None, operation="one")
    await mine.set("workflow", "a", 2, ttl=None, if_version=None, operation="two")
    assert (await mine.get("workspace", "a")).value == 1
    assert (await mine.get("workflow", "a")).value == 2
    for keys in (theirs, other):
        assert not (await keys.get("workspace", "a")).found
        assert not (await keys.get("workflow", "a")).found


async def test_what_is_no_number_is_told(db: Database) -> None:
    keys = await stored(db)
    await keys.set("workflow", "a", True, ttl=None, if_version=None, operation="one")
    with pytest.raises(ModuleError) as caught:
        await keys.increment("workflow", "a", 1, ttl=None, operation="two")
    assert caught.value.code == "kv.type"
