"""The isolated pool: limits hold, nothing leaks from one call to the next, nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.isolated.pool import IsolatedPool
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import ModuleError

JSONATA = "modules.data.languages.jsonata_:transform"
ENDLESS = "($f := function($x){$f($x)}; $f(1))"


async def jsonata(pool: IsolatedPool, expression: str, data: Json = None, timeout: float = 20.0) -> Json:
    argument: JsonObject = {"expression": expression, "data": data}
    return await pool.call(JSONATA, argument, timeout=timeout, timeout_code="data.timeout")


def children() -> set[int]:
    """Processes of the pool that this one has started and that still run."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() and b"engine.isolated.child" in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


async def test_work_over_its_time_is_killed_and_the_next_call_is_served(isolated_pool: IsolatedPool) -> None:
    with pytest.raises(ModuleError) as caught:
        await jsonata(isolated_pool, ENDLESS, timeout=0.5)
    assert caught.value.code == "data.timeout"
    assert await jsonata(isolated_pool, "1+1") == 2


async def test_work_over_its_memory_fails_and_the_next_call_is_served(isolated_pool: IsolatedPool) -> None:
    with pytest.raises(ModuleError) as caught:
        await jsonata(isolated_pool, "$pad('x', 2000000000)")
    assert (caught.value.code, caught.value.retryable) == ("data.memory", False)
    assert await jsonata(isolated_pool, "1+1") == 2


async def test_values_come_back_as_they_went(isolated_pool: IsolatedPool) -> None:
    data: Json = {"": [None, True, 2**63, -(2**63), 0.1, "\x00", "\ud800", "ü", {"a": []}]}
    assert await jsonata(isolated_pool, "$", data) == data


async def test_the_deepest_data_passes(isolated_pool: IsolatedPool) -> None:
    data: Json = "end"
    for _ in range(200):
        data = [data]
    argument: JsonObject = {"expression": "@", "data": data}
    name = "modules.data.languages.jmespath_:transform"
    assert await isolated_pool.call(name, argument, timeout=20, timeout_code="data.timeout") == data


async def test_a_result_that_is_too_large_never_leaves_its_process(isolated_pool: IsolatedPool) -> None:
    with pytest.raises(ModuleError) as caught:
        await jsonata(isolated_pool, "$pad('x', 40000000)")
    assert caught.value.code == "payload.too_large"


@pytest.mark.parametrize(
    "function",
    [
        "os:system",
        "modules.registry:load_registry",
        "modules.core.set:set_values",
        "modules.data.languages.jsonata_:_engine",
        "engine.isolated.child:main",
        "modules.nothing:here",
        "",
    ],
)
async def test_only_marked_functions_of_modules_run(isolated_pool: IsolatedPool, function: str) -> None:
    with pytest.raises(ModuleError) as caught:
        await isolated_pool.call(function, {}, timeout=20, timeout_code="x.timeout")
    assert caught.value.code == "module.failed"


async def test_calls_beyond_the_processes_wait_their_turn() -> None:
    async with IsolatedPool(processes=2) as pool:
        assert await asyncio.gather(*(jsonata(pool, f"{n}+1") for n in range(20))) == list(range(1, 21))
        assert len(children()) <= 2 + 2  # those of the session's pool are children too


async def test_a_caller_who_gives_up_frees_the_place() -> None:
    async with IsolatedPool(processes=1) as pool:
        assert await jsonata(pool, "1") == 1
        call = asyncio.create_task(jsonata(pool, ENDLESS))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await jsonata(pool, "2") == 2


async def test_a_process_that_dies_is_told_and_replaced() -> None:
    before = children()
    async with IsolatedPool(processes=1) as pool:
        await jsonata(pool, "1")
        [child] = children() - before
        call = asyncio.create_task(jsonata(pool, ENDLESS))
        await asyncio.sleep(0)
        os.kill(child, signal.SIGKILL)
        with pytest.raises(ModuleError) as caught:
            await call
        assert (caught.value.code, caught.value.retryable) == ("data.ended", True)
        assert await jsonata(pool, "2") == 2
    assert children() <= before


PARENT = """
import asyncio, sys
from engine.isolated.pool import IsolatedPool

async def main():
    pool = IsolatedPool(processes=1)
    await pool.call("modules.data.languages.jsonata_:transform", {"expression": "1", "data": None}, timeout=60, timeout_code="x.timeout")
    print(pool._all[0]._process.pid, flush=True)
    await pool.call("modules.data.languages.jsonata_:transform", {"expression": "($f := function($x){$f($x)}; $f(1))", "data": None},
        timeout=600, timeout_code="x.timeout")

asyncio.run(main())
"""


async def test_processes_die_with_their_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    async with asyncio.timeout(20):
        while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
            await asyncio.sleep(0.01)


async def test_a_process_sees_no_environment() -> None:
    before = children()
    async with IsolatedPool(processes=1) as pool:
        await jsonata(pool, "1")
        [child] = children() - before
        names = {
            entry.partition(b"=")[0] for entry in Path(f"/proc/{child}/environ").read_bytes().split(b"\0") if entry
        }
    assert names == {b"PATH", b"PYTHONPATH", b"LC_ALL", b"TZ"}
