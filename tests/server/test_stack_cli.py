"""`up`, `down`, `status` and `demo` as typed: what is found, what is mended, and what is refused in one sentence."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chaos.processes import PARTS, gone, pid_of, processes_of
from server.embedded.state import StackState, read_state
from server.version import product_version

LIMIT_S = 120.0


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.out))

    @property
    def sentence(self) -> str:
        """The one error that was told; everything else on stderr are notes of what came up before."""
        (told,) = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in self.err
        return told.removeprefix("error: ")


@dataclass
class Shell:
    """A home, and commands typed for it."""

    home: Path
    settings: dict[str, str] = field(default_factory=lambda: {"PORT": "0"})

    @property
    def state(self) -> StackState:
        return read_state(self.home, product_version())

    async def type(self, *words: str, **settings: str) -> Ended:
        process = await self.begin(*words, **settings)
        try:
            async with asyncio.timeout(LIMIT_S):
                out, err = await process.communicate()
        except TimeoutError:
            process.terminate()
            raise
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def begin(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
        given = self.settings | {"HOME": str(self.home)} | settings
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server.cli.main",
            *words,
            env=environment | {f"MILLSTREAM_{name}": value for name, value in given.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    """A home whose stack runs. Each test leaves it running."""
    shell = Shell(tmp_path_factory.mktemp("up") / "a home")
    first = await shell.type("up", "--detach")
    assert first.code == 0, first.err
    yield shell
    processes = processes_of(shell.state)
    assert (await shell.type("down")).code == 0
    await gone(processes)
    shutil.rmtree(shell.home, ignore_errors=True)


@pytest.fixture
def shell(home: Path) -> Shell:
    return Shell(home)


@pytest.mark.slow
class TestUpAgain:
    async def test_a_running_stack_is_found(self, running: Shell) -> None:
        before = running.state
        again = await running.type("up", "--detach", "--json")
        plain = await running.type("up")
        assert (again.code, plain.code) == (0, 0)
        assert again.json == before.to_json() == running.state.to_json()
        assert str(before.url) in plain.out

    @pytest.mark.parametrize("part", PARTS)
    async def test_what_is_dead_of_it_is_started_again(self, running: Shell, part: str) -> None:
        before = running.state
        os.kill(pid_of(before, part), signal.SIGKILL)
        again = await running.type("up", "--detach", "--json")
        assert (again.code, again.json["state"]) == (0, "running")
        after = running.state
        assert {other for other in PARTS if pid_of(after, other) != pid_of(before, other)} == {part}
        assert (await running.type("runs", "list", "--json")).code == 0

    @pytest.mark.slow
    async def test_two_starts_at_once_are_one_stack(self, running: Shell) -> None:
        old = processes_of(running.state)
        assert (await running.type("down", "--json")).json == {"stopped": True}
        await gone(old)
        stopped = await running.type("status", "--json")
        assert (stopped.code, stopped.json["state"]) == (3, "stopped")
        assert stopped.json["pids"] == {"supervisor": None, "api": [], "worker": [], "postgres": None, "temporal": None}
        assert (await running.type("down", "--json")).json == {"stopped": False}
        starts = await asyncio.gather(*(running.type("up", "--detach", "--json") for _ in range(3)))
        assert [start.code for start in starts] == [0, 0, 0]
        assert {start.json["pids"]["supervisor"] for start in starts} == {running.state.pids.supervisor}
        assert running.state.state == "running"

    @pytest.mark.slow
    async def test_a_lost_key_of_the_api_is_told_and_mended_by_the_next_start(self, running: Shell) -> None:
        key = running.home / "api-key"
        key.unlink()
        told = await running.type("runs", "list")
        assert told.code == 1
        assert told.sentence == f"the API key {str(key)!r} can't be read (No such file or directory)"
        assert (await running.type("down")).code == 0
        assert (await running.type("up", "--detach")).code == 0
        assert key.stat().st_mode & 0o777 == 0o600
        assert (await running.type("runs", "list")).code == 0


@pytest.mark.slow
async def test_a_newer_database_and_then_another_master_key(running: Shell) -> None:
    """On a home that worked before, and works again afterwards."""
    state = running.state
    assert state.database_url is not None
    connection = await asyncpg.connect(state.database_url)
    await connection.execute(
        "insert into schema_migrations (version, name, checksum) values (9999, '9999_of_the_future', 'x')"
    )
    await connection.close()
    assert (await running.type("down")).code == 0
    newer = await running.type("up", "--detach")
    assert newer.code == 1
    assert newer.sentence.startswith("the database was brought to migration '9999_of_the_future' by a newer Millstream")
    assert running.state.state == "stopped"

    await _without_the_future(running)
    another = await running.type("up", "--detach", MASTER_KEY="ab" * 32)
    assert another.code == 1
    assert another.sentence == (
        "The master key is not the one that this database was set up with. Give the original key by "
        "MILLSTREAM_MASTER_KEY or MILLSTREAM_MASTER_KEY_FILE."
    )
    assert running.state.state == "stopped"
    assert (await running.type("up", "--detach")).code == 0


class TestWhatCannotStartIsOneSentence:
    async def test_a_port_that_is_taken(self, shell: Shell) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            for detach in ([], ["--detach"]):
                refused = await shell.type("up", *detach, PORT=port)
                assert refused.code == 1
                assert refused.sentence.startswith(f"port {port} on 127.0.0.1 is taken: end the program that has it")
        assert shell.state.state == "stopped"

    async def test_a_port_that_is_taken_by_the_time_the_api_listens(
        self, shell: Shell, database_url: str, temporal_address: str
    ) -> None:
        """`serve` by hand, as nobody looked before."""
        shell.home.mkdir()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            refused = await shell.type("serve", PORT=port, DATABASE_URL=database_url, TEMPORAL_ADDRESS=temporal_address)
        assert refused.code == 3
        assert refused.sentence == f"the API can't listen on 127.0.0.1:{port}: is the port taken? Set MILLSTREAM_PORT"

    async def test_a_home_that_is_a_file(self, shell: Shell) -> None:
        shell.home.write_text("a file")
        for words in (["up"], ["up", "--detach"], ["demo"]):
            refused = await shell.type(*words)
            assert refused.code == 1
            assert refused.sentence.startswith(f"the home {str(shell.home)!r} can't be used (")
        shell.home.unlink()

    async def test_a_child_that_does_not_start(self, shell: Shell, postgres_url: str) -> None:
        """A folder stands where Temporal keeps its file."""
        (shell.home / "temporal" / "temporal.db").mkdir(parents=True)
        refused = await shell.type("up", "--detach", DATABASE_URL=postgres_url)
        assert refused.code == 1
        assert refused.sentence.startswith("Temporal didn't start: ")
        assert str(shell.home / "logs" / "temporal.log") in refused.sentence
        assert shell.state.state == "stopped"

    async def test_a_database_that_is_not_there(self, shell: Shell, temporal_address: str) -> None:
        refused = await shell.type(
            "up", "--detach", DATABASE_URL="postgresql://nobody:pw@127.0.0.1:1/none", TEMPORAL_ADDRESS=temporal_address
        )
        assert refused.code == 1
        assert "the database can't be reached" in refused.sentence
        assert "pw" not in refused.err

    async def test_a_master_key_that_is_none(self, shell: Shell, database_url: str, temporal_address: str) -> None:
        shell.home.mkdir()
        servers = {"DATABASE_URL": database_url, "TEMPORAL_ADDRESS": temporal_address}
        refused = await shell.type("worker", MASTER_KEY="secret!", **servers)
        assert (refused.code, "secret!" in refused.err) == (3, False)
        assert refused.sentence == "The master key must be 32 bytes in hexadecimal or base64."

    async def test_a_setting_that_makes_no_sense(self, shell: Shell) -> None:
        refused = await shell.type("up", PORT="many")
        assert refused.code != 0
        assert "MILLSTREAM_PORT can't be used" in refused.sentence

    async def test_nothing_runs_and_something_is_asked(self, shell: Shell) -> None:
        refused = await shell.type("runs", "list")
        assert (refused.code, refused.sentence) == (1, f"no stack is running under {str(shell.home)!r}")


async def _without_the_future(shell: Shell) -> None:
    """Takes the row back out, with nothing but the home's own PostgreSQL running."""
    from server.embedded.postgres import EmbeddedPostgres, PostgresPlace

    server = EmbeddedPostgres(PostgresPlace.under(shell.home))
    child = await server.start()
    try:
        connection = await asyncpg.connect(server.url)
        await connection.execute("delete from schema_migrations where version = 9999")
        await connection.close()
    finally:
        await server.stop(child)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_demo_ends_well_and_leaves_nothing_behind_also_a_second_time(shell: Shell) -> None:
    for _ in range(2):
        done = await shell.type("demo")
        assert done.code == 0, done.err
        assert "orders ended as they should" in done.out
        assert shell.state.state == "stopped"
        assert _of_home(shell.home) == []
        assert not (shell.home / "postgres" / "data" / "postmaster.pid").exists()


def _of_home(home: Path) -> list[str]:
    """Processes that were told of this home, or name it."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in told:
            found.append(process.name)
    return found
