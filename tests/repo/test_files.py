"""The shape of the tree: files that one can read in a sitting, packages that import, nothing left for later."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("engine", "modules", "copilot", "workspace", "db", "server", "bench", "chaos")
LIMIT = 600
WORTH_A_SPLIT = 400


def sources(*parts: str) -> list[Path]:
    return sorted(
        path for part in parts for path in (ROOT / part).rglob("*") if path.suffix in {".py", ".sql", ".js", ".sh"}
    )


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_too_long() -> None:
    counted = {
        str(path.relative_to(ROOT)): lines(path) for path in sources(*PARTS, "tests") if path.name != "schema.sql"
    }
    long = {name: count for name, count in counted.items() if count > WORTH_A_SPLIT}
    for name, count in long.items():
        print(f"worth a split: {name} has {count} lines")
    assert {name: count for name, count in long.items() if count > LIMIT} == {}


def test_every_module_imports_by_itself_without_a_warning() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources(*PARTS)
        if path.suffix == ".py"
    ]
    assert len(names) > 100
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *names], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_packages_have_empty_faces() -> None:
    faces = [path for path in sources(*PARTS) if path.name == "__init__.py" and path.read_text().strip()]
    assert [str(path.relative_to(ROOT)) for path in faces] == []


def test_every_folder_of_modules_is_a_package() -> None:
    missing = {path.parent for path in sources(*PARTS) if path.suffix == ".py"} - {
        path.parent for path in sources(*PARTS) if path.name == "__init__.py"
    }
    assert sorted(str(path.relative_to(ROOT)) for path in missing) == []


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "manager"])
def test_no_file_is_named_for_nothing(name: str) -> None:
    assert [str(path.relative_to(ROOT)) for path in sources(*PARTS) if name in {path.stem, path.parent.name}] == []


def test_nothing_is_left_for_later() -> None:
    mark = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")))
    found = [
        f"{path.relative_to(ROOT)}"
        for path in sources(*PARTS, "tests")
        if mark.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_python_files_compile_for_the_oldest_python_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in sources(*PARTS, "tests"):
            if path.suffix == ".py":
                compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_the_lock_and_the_builder_are_of_one_uv() -> None:
    pinned = re.match(r"uv==([0-9.]+) ", (ROOT / ".ci" / "uv.txt").read_text())
    assert pinned is not None
    assert f'requires = ["uv_build>={pinned[1]},' in (ROOT / "pyproject.toml").read_text()
