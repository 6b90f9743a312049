"""A stack as its owner meets it: real PostgreSQL and Temporal, processes that are killed, homes side by side."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import Client

from chaos.processes import PARTS, gone, pid_of, processes_of
from server.embedded.identity import ProcessIdentity, identify
from server.embedded.state import StackState, note_process, read_state

PROGRAM = Path(__file__).parent / "programs" / "stack.py"
VERSION = "0"


class Running:
    """One stack in a process of its own."""

    def __init__(self, home: Path, process: asyncio.subprocess.Process) -> None:
        self.home = home
        self.process = process
        self.lines: list[str] = []
        self.seen: list[ProcessIdentity] = []

    @property
    def state(self) -> StackState:
        return read_state(self.home, VERSION)

    async def ready(self) -> StackState:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().strip())
            if self.lines[-1].startswith("ready"):
                self.seen += self.processes()
                return self.state
        pytest.fail(f"the stack ended: {self.lines}")

    async def failed(self) -> str:
        """The last line of a stack that could not start."""
        output, _ = await self.process.communicate()
        assert self.process.returncode == 1
        return output.decode().strip().splitlines()[-1]

    async def until(self, holds: Callable[[StackState], bool]) -> StackState:
        async with asyncio.timeout(30):
            while not holds(state := self.state):
                await asyncio.sleep(0.02)
            self.seen += self.processes()
            return state

    async def stop(self) -> None:
        self.process.terminate()
        await self.process.communicate()

    def processes(self) -> list[ProcessIdentity]:
        """All processes of the stack, PostgreSQL's own children included."""
        return processes_of(self.state)


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    begun: list[Running] = []

    async def start_in(home: Path, **settings: str) -> Running:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
        environment |= {
            "MILLSTREAM_HOME": str(home),
            "MILLSTREAM_PORT": "0",
            "MILLSTREAM_SMTP_PORT": "0",
            "PYTHONUNBUFFERED": "1",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            env=environment | {f"MILLSTREAM_{name}": value for name, value in settings.items()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        begun.append(Running(home, process))
        return begun[-1]

    yield start_in
    for running in begun:
        if running.process.returncode is None:
            await running.stop()
        await gone(running.seen)


async def test_it_starts_everything_tells_where_it_is_and_stops_without_a_trace(start: Start, home: Path) -> None:
    running = await start(home)
    state = await running.ready()
    assert (state.state, state.home, state.api_key_file) == ("running", str(home), str(home / "api-key"))
    assert state.url is not None
    assert state.database_url is not None
    assert state.temporal_address is not None
    assert None not in {state.pids.supervisor, state.pids.postgres, state.pids.temporal}
    assert (len(state.pids.api), len(state.pids.worker)) == (1, 1)
    assert (home / "migrated").read_text() == state.database_url
    for secret in (home, home / "state.json", home / "run" / "postgres.password"):
        assert secret.stat().st_mode & 0o077 == 0
    assert await value(state, "show data_checksums") == "on"
    assert (
        await value(state, "select rolpassword like 'SCRAM-SHA-256%' from pg_authid where rolname = 'postgres'") is True
    )
    await (await Client.connect(state.temporal_address)).count_workflows()

    await running.stop()
    await gone(running.seen)
    assert running.state.state == "stopped"
    assert list((home / "run").glob("*.json")) == []


@pytest.mark.slow
async def test_what_is_killed_comes_back_with_its_data_at_the_same_address(start: Start, home: Path) -> None:
    running = await start(home)
    first = before = await running.ready()
    await value(before, "create table kept as select 7 as n")
    for name in PARTS:
        killed = pid_of(before, name)
        os.kill(killed, signal.SIGKILL)
        after = await running.until(partial(back, name=name, killed=killed))
        assert {other for other in PARTS if pid_of(after, other) != pid_of(before, other)} == {name}
        assert await value(after, "select n from kept") == 7
        before = after
    assert replace(before, pids=first.pids) == first


@pytest.mark.slow
async def test_a_killed_supervisor_takes_its_processes_along_and_the_next_one_begins_with_the_data(
    start: Start, home: Path
) -> None:
    first = await start(home)
    before = await first.ready()
    await value(before, "create table kept as select 7 as n")
    first.process.kill()
    await first.process.communicate()
    assert first.state.state == "stopped"

    second = await start(home)
    after = await second.ready()
    await gone(first.seen)
    assert (after.url, after.database_url, after.temporal_address) == (
        before.url,
        before.database_url,
        before.temporal_address,
    )
    assert await value(after, "select n from kept") == 7


@pytest.mark.slow
async def test_what_a_dead_supervisor_left_running_is_ended_first(
    start: Start, home: Path, servers: dict[str, str]
) -> None:
    (home / "run").mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"], stdout=subprocess.PIPE
    ) as left:
        assert left.stdout is not None
        left.stdout.readline()
        identity = identify(left.pid)
        assert identity is not None
        note_process(home / "run" / "worker.json", identity)
        note_process(home / "run" / "api.json", ProcessIdentity(os.getpid(), "a process of an earlier time"))
        running = await start(home, **servers)
        await running.ready()
        assert "ending 1 processes that an earlier supervisor left" in running.lines
        assert left.wait() != 0


async def test_a_start_that_is_called_off_leaves_nothing(start: Start, home: Path) -> None:
    running = await start(home)
    await running.until(lambda state: state.pids.temporal is not None)
    await running.stop()
    assert running.process.returncode == 0
    assert running.state.state == "stopped"


@pytest.mark.slow
async def test_two_homes_live_side_by_side(start: Start, tmp_path: Path) -> None:
    one, two = await asyncio.gather(start(tmp_path / "one"), start(tmp_path / "two"))
    first, second = await asyncio.gather(one.ready(), two.ready())
    assert len({first.url, second.url}) == len({first.database_url, second.database_url}) == 2
    await one.stop()
    assert await value(second, "select 1") == 1
    assert two.state.state == "running"


@pytest.mark.slow
async def test_a_second_stack_in_one_home_is_refused(start: Start, home: Path) -> None:
    await (await start(home)).ready()
    assert (
        await (await start(home)).failed()
        == f"error: another stack runs in the home {str(home)!r}: see `millstream status`"
    )


async def test_servers_that_are_set_are_used_and_not_started(
    start: Start, home: Path, postgres_url: str, temporal_address: str
) -> None:
    running = await start(home, DATABASE_URL=postgres_url, TEMPORAL_ADDRESS=temporal_address)
    state = await running.ready()
    assert (state.database_url, state.temporal_address) == (postgres_url, temporal_address)
    assert (state.pids.postgres, state.pids.temporal) == (None, None)
    assert sorted(path.name for path in home.iterdir()) == ["logs", "migrated", "run", "state.json"]


class TestWhatCannotStartIsOneSentence:
    async def test_a_port_that_is_taken(self, start: Start, home: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            said = await (await start(home, PORT=str(port))).failed()
        assert said == (
            f"error: port {port} on 127.0.0.1 is taken: end the program that has it, "
            "or set MILLSTREAM_PORT to another (0 chooses a free one)"
        )

    async def test_a_home_that_is_a_file(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        said = await (await start(tmp_path / "file")).failed()
        assert said.startswith(f"error: the home {str(tmp_path / 'file')!r} can't be used (")
        assert said.endswith("set MILLSTREAM_HOME to a folder that you may write, or mend this one")

    @pytest.mark.parametrize("noun", ["migrate", "serve", "worker"])
    async def test_a_part_that_tells_its_reason(
        self, start: Start, home: Path, servers: dict[str, str], noun: str
    ) -> None:
        home.mkdir()
        (home / f"fail-{noun}").write_text("error: the database is newer than this program")
        running = await start(home, **servers)
        assert await running.failed() == "error: the database is newer than this program"
        assert running.state.state == "stopped"

    async def test_a_part_that_tells_nothing(self, start: Start, home: Path, servers: dict[str, str]) -> None:
        home.mkdir()
        (home / "fail-worker").write_text("a line of its log")
        said = await (await start(home, **servers)).failed()
        log = str(home / "logs" / "worker.log")
        assert (
            said == f"error: worker ended with exit code 1; its log ends: a line of its log; the whole log is {log!r}"
        )

    async def test_a_database_whose_password_is_lost(self, start: Start, home: Path, temporal_address: str) -> None:
        running = await start(home, TEMPORAL_ADDRESS=temporal_address)
        await running.ready()
        await running.stop()
        (home / "run" / "postgres.password").unlink()
        assert (
            "the password of the embedded PostgreSQL is gone"
            in await (await start(home, TEMPORAL_ADDRESS=temporal_address)).failed()
        )
        (home / "run" / "postgres.password").write_text("another\n")
        assert "refuses the password in" in await (await start(home, TEMPORAL_ADDRESS=temporal_address)).failed()


async def test_it_gives_up_at_once_on_what_cannot_come_back(start: Start, home: Path, servers: dict[str, str]) -> None:
    running = await start(home, **servers)
    state = await running.ready()
    (home / "fail-worker").write_text("error: the master key is another")
    os.kill(state.pids.worker[0], signal.SIGKILL)
    assert await running.failed() == "error: the master key is another"


@pytest.fixture
def servers(postgres_url: str, temporal_address: str) -> dict[str, str]:
    return {"DATABASE_URL": postgres_url, "TEMPORAL_ADDRESS": temporal_address}


def back(state: StackState, name: str, killed: int) -> bool:
    return state.state == "running" and pid_of(state, name) not in {0, killed}


async def value(state: StackState, query: str) -> object:
    connection = await asyncpg.connect(state.database_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
