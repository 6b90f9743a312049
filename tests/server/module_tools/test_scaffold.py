"""`millstream module new` writes what passes the check and its own test at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.module_tools.checking import ROOT
from server.module_tools.scaffold import CannotWrite, write_module


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, to write in."""
    copy = tmp_path_factory.mktemp("tree")
    for part in ("bench", "copilot", "db", "engine", "modules", "server", "workspace", "tests/fixtures"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for file in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / file, copy / file)
    return copy


def millstream(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli.main", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_new_modules_pass_at_once(tree: Path) -> None:
    tests: list[str] = []
    for name, effect in (("crm.find", "read"), ("crm.add", "write"), ("crm.import", "none")):
        made = millstream(tree, "module", "new", name, "--effect", effect, "--json")
        assert made.returncode == 0, made.stderr
        written = json.loads(made.stdout)
        assert Path(written["module"]).is_relative_to(tree)
        tests.append(written["test"])
    checked = millstream(tree, "module", "check", str(tree / "modules" / "crm"))
    assert (checked.returncode, checked.stdout) == (0, "3 modules checked, no flaws\n"), checked.stdout + checked.stderr
    folder = str(tree / "modules" / "crm")
    for command in (["ruff", "check", folder, *tests], ["pytest", "-q", "-p", "no:cacheprovider", *tests]):
        ran = subprocess.run([sys.executable, "-m", *command], cwd=tree, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout
    again = millstream(tree, "module", "new", "crm.find")
    assert (again.returncode, "already there" in again.stderr) == (1, True)


@pytest.mark.parametrize("name", ["crm", "Crm.find", "crm.find.more", "../x.y", "sdk.x", "class.x", "crm.1"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(CannotWrite):
        write_module(ROOT, name, "none")


def test_only_in_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="checkout"):
        write_module(tmp_path, "crm.find", "none")


def test_the_list_names_all() -> None:
    listed = millstream(ROOT, "module", "list")
    assert listed.returncode == 0
    assert "core.for_each\t1\tnone\t" in listed.stdout
    assert millstream(ROOT, "module").stdout.count("check") > 0
