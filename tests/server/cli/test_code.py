"""`code`: a file is run as a step would run it, with no stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.cli.main import run


def test_what_a_file_gives_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "total.py"
    file.write_text("def main(input):\n    print('adding')\n    return sum(input)\n")
    assert run(["code", str(file), "--input", "[1, 2]"]) == 0
    assert tuple(capsys.readouterr()) == ("3\n", "adding\n")
    script = tmp_path / "total.js"
    script.write_text("function main(input) { return input.a }")
    (tmp_path / "given.json").write_text('{"a": [1]}')
    assert run(["code", str(script), "--input", f"@{tmp_path / 'given.json'}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == [1]


def test_what_fails_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "odd.py"
    file.write_text("def main(input):\n    return input['a']\n")
    assert run(["code", str(file), "--input", "{}"]) == 1
    assert capsys.readouterr().err == f"{file}: line 2: KeyError: 'a'  [code.error]\n"
    assert run(["code", str(tmp_path / "odd.rb")]) == 1
    assert "neither Python nor JavaScript" in capsys.readouterr().err
    assert run(["code", str(tmp_path / "none.py")]) == 1
    assert "can't be read" in capsys.readouterr().err


def test_a_document_with_wrong_code_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "schema_version: 1\nname: a\nsteps:\n  x:\n    module: code.python\n    version: 1\n    inputs: {source: 'import os'}\n"
    )
    assert run(["validate", str(file)]) == 1
    assert "/steps/x/inputs/source: line 1: there is no library 'os' here" in capsys.readouterr().out
