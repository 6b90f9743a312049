"""The command line as a person, or a script, meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from server.cli import main
from server.cli.output import CliError


def millstream(*arguments: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    environment |= {"MILLSTREAM_HOME": str(home)} | {f"MILLSTREAM_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "server.cli.main", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_without_a_command_it_tells_what_there_is(home: Path) -> None:
    done = millstream(home=home)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("up", "down", "status"))


@pytest.mark.parametrize(("typed", "meant"), [("stats", "status"), ("donw", "down"), ("statu", "status")])
def test_a_mistyped_command_gets_the_nearest_one(home: Path, typed: str, meant: str) -> None:
    done = millstream(typed, home=home)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"error: no such command {typed!r}. Did you mean " in done.stderr
    assert repr(meant) in done.stderr


def test_a_mistyped_option_is_a_sentence(home: Path) -> None:
    done = millstream("status", "--jsn", home=home)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no such option: --jsn")
    assert "Traceback" not in done.stderr


def test_status_of_an_empty_home_has_every_key_and_its_own_exit_code(home: Path) -> None:
    done = millstream("status", "--json", home=home)
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert found["pids"] == {"supervisor": None, "api": [], "worker": [], "postgres": None, "temporal": None}
    assert found | {"pids": 0, "version": 0} == {
        "state": "stopped",
        "version": 0,
        "url": None,
        "smtp_port": None,
        "database_url": None,
        "temporal_address": None,
        "api_key_file": str(home / "api-key"),
        "home": str(home),
        "pids": 0,
    }
    assert not home.exists()


def test_down_where_nothing_runs_says_so(home: Path) -> None:
    done = millstream("down", home=home)
    assert (done.returncode, done.stdout) == (0, f"No stack is running under {str(home)!r}.\n")


def test_a_wrong_setting_is_a_sentence(home: Path) -> None:
    done = millstream("up", home=home, PORT="none")
    assert done.returncode == 1
    assert done.stderr.startswith("error: MILLSTREAM_PORT can't be used: ")
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_enough_is_no_error(home: Path) -> None:
    line = f"{sys.executable} -m server.cli.main status --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MILLSTREAM_HOME": str(home)},
    )
    assert done.stderr == ""


def a_command_that(ends: Exception) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

    @app.command()
    def first(name: str) -> None:
        raise ends

    @app.command()
    def second() -> None:
        return

    return app


def test_a_command_fails_in_a_sentence_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    app = a_command_that(CliError("there is no run 'a'", "list them: millstream runs", exit_code=4))
    assert main.run(["first", "a"], app) == 4
    assert capsys.readouterr() == ("", "error: there is no run 'a'\n  list them: millstream runs\n")


def test_what_data_says_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["first", "a"], a_command_that(CliError("a\x1b[2Jb\ud800"))) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_a_missing_argument_gets_the_help_of_that_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["first"], a_command_that(CliError("never"))) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Usage: millstream first" in shown.err
    assert shown.err.endswith("error: missing argument 'name'\n")


def test_a_fault_of_ours_is_a_sentence_and_its_traceback_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["first", "private data"], a_command_that(ZeroDivisionError("by nothing"))) == 70
    said = capsys.readouterr().err
    assert said.startswith(
        "error: ZeroDivisionError: by nothing\n  this is a fault of Millstream's; its traceback is in "
    )
    file = Path(said.strip().rpartition(" in ")[2])
    kept = file.read_text()
    file.unlink()
    assert "private data" not in kept.splitlines()[0]
    assert "ZeroDivisionError" in kept
