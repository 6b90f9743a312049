"""The parts that need no server: ports, pids, delays, the line that says ready, notes on disk."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.embedded.backoff import Backoff
from server.embedded.errors import last_lines
from server.embedded.identity import ProcessIdentity, identify, own_identity
from server.embedded.ports import free_port, is_free, remembered_port
from server.embedded.program import how_it_ended
from server.embedded.ready import announce_ready
from server.embedded.state import Pids, StackState, note_supervisor, read_state, stopped_state, write_state


def test_a_port_is_taken_while_somebody_listens() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert not is_free("127.0.0.1", other.getsockname()[1])
    assert is_free("127.0.0.1", free_port())


def test_no_connection_takes_a_port_before_its_server_does() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        clients = [socket.create_connection(listener.getsockname()) for _ in range(20)]
        least = min(client.getsockname()[1] for client in clients)
        for client in clients:
            client.close()
    assert all(free_port() < least for _ in range(20))


def test_a_port_is_remembered_until_another_takes_it(tmp_path: Path) -> None:
    note = tmp_path / "port"
    first = remembered_port(note)
    assert remembered_port(note) == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        assert remembered_port(note) != first


@pytest.mark.parametrize("text", ["", "a", "-1", "0", "70000", "1e3", "\x00"])
def test_a_spoilt_note_of_a_port_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "port").write_text(text)
    assert 0 < remembered_port(tmp_path / "port") < 65536


def test_a_process_is_known_by_more_than_its_pid() -> None:
    assert own_identity().alive()
    assert own_identity() == identify(os.getpid())
    assert not ProcessIdentity(os.getpid(), "another").alive()


def test_an_ended_process_is_gone_even_before_it_is_reaped() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert identify(process.pid) is None


@given(st.lists(st.floats(0, 1000), max_size=60))
def test_it_gives_up_only_after_nine_deaths_in_a_row_without_a_minute_between(lived: list[float]) -> None:
    backoff, row = Backoff(), 0
    for seconds in lived:
        row = 1 if seconds >= 60 else row + 1
        delay = backoff.after_death(seconds)
        assert (delay is None) == (row > 8)
        if delay is None:
            return
        assert 0 <= delay <= 5


def test_ready_is_one_line_and_then_the_end() -> None:
    reader, writer = os.pipe()
    announce_ready(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"ready\n"


def test_ready_is_no_error_where_nobody_waits() -> None:
    announce_ready(None)
    reader, writer = os.pipe()
    os.close(reader)
    announce_ready(writer)


def test_the_last_lines_are_those_of_this_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("an earlier start\n")
    begin = log.stat().st_size
    assert last_lines(log, since=begin) == ""
    log.write_bytes(log.read_bytes() + b"a\n\n b \nc\xff\nd")
    assert last_lines(log, since=begin) == "b | c\N{REPLACEMENT CHARACTER} | d"
    assert last_lines(tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with exit code 0"), (-9, "was ended by SIGKILL"), (-99, "was ended by signal 99"), (None, "runs")],
)
def test_an_end_in_words(code: int | None, words: str) -> None:
    assert how_it_ended(code) == words


def test_a_state_is_read_as_written_only_while_its_supervisor_lives(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    state = StackState(
        "running", "1", "http://a", None, "postgresql://b", "c:1", "/k", str(tmp_path), Pids(1, [2], [3, 4], 5, None)
    )
    write_state(tmp_path, state)
    assert read_state(tmp_path, "2") == stopped_state(tmp_path, "2")
    note_supervisor(tmp_path)
    assert read_state(tmp_path, "2") == state
    (tmp_path / "state.json").write_text("{")
    assert read_state(tmp_path, "2").state == "starting"
