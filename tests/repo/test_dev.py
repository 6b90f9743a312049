"""./dev on a machine that has a Python and nothing else: no uv, no environment, a folder with a space, a symlink."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("MILLSTREAM_", "UV_", "VIRTUAL_ENV", "PYTHON")


def environment(path: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)} | {"PATH": path}


def dev(*command: str, path: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment(path), capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone of the working tree would hold, without its history."""
    target = tmp_path / "a clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with the usual small tools and no Python."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "cat", "cksum", "readlink", "dirname", "mkdir", "rm"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    return str(tools)


def test_without_a_python_it_says_what_to_install(clone: Path, bare_path: str) -> None:
    done = dev("./dev", path=bare_path, folder=clone)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: Millstream needs Python 3.11 or newer, and found none: install it, for example the package python3\n"
    )


@pytest.mark.parametrize(("old", "said"), [(True, "found none"), (False, "install the package python3.12-venv")])
def test_a_python_that_is_too_old_or_has_no_venv_is_told_so(clone: Path, bare_path: str, old: bool, said: str) -> None:
    # Answers the three questions that the script asks of a Python.
    answers = f"#!/bin/sh\ncase $3 in *version_info\\ *) exit {int(old)} ;; *print*) echo 3.12 ;; *) exit 1 ;; esac\n"
    python = Path(bare_path) / "python3"
    python.write_text(answers)
    python.chmod(0o755)
    done = dev("./dev", path=bare_path, folder=clone)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_installs_once_and_then_says_nothing(clone: Path, tmp_path: Path) -> None:
    path = os.pathsep.join(
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not (Path(folder) / "uv").exists() and ".venv" not in folder
    )
    (tmp_path / "link").symlink_to("a clone/dev")
    first = dev("./link", "status", "--json", path=path, folder=tmp_path)
    assert first.returncode == 3, first.stderr
    assert first.stderr.startswith("Installing Millstream into ")
    second = dev("./dev", "status", "--json", path=path, folder=clone)
    assert (second.returncode, second.stderr) == (3, "")
    assert str(clone / ".millstream") in second.stdout
    listed = dev("./dev", "test", "--collect-only", "-q", "tests/server/test_settings.py", path=path, folder=clone)
    assert listed.returncode == 0, listed.stdout
