"""`millstream test FILE`: a document's own tests, without any stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.runs.offline import test_document as run_tests_of
from modules.sdk.yaml12 import parse_yaml

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


def millstream(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli.main", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
async def test_every_example_passes_its_own_tests(example: Path) -> None:
    document, _ = parse_yaml(example.read_text())
    report = await run_tests_of(document)
    assert report["failed"] == 0, report["results"]
    assert report["passed"]


def test_a_passing_file_is_reported() -> None:
    done = millstream("test", str(EXAMPLES[0]), "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["failed"]) == (0, 0), report["results"]
    assert report["passed"] > 0


def test_a_failing_test_says_what_it_expected_and_what_it_got(tmp_path: Path) -> None:
    file = tmp_path / "greet.yaml"
    file.write_text(
        """
schema_version: 1
name: greet
steps:
  greet: {module: core.set, version: 1, inputs: {values: {text: "Hello {{ input.name }}!"}}}
output: "{{ steps.greet.output.text }}"
tests:
  - {name: by name, input: {name: Ada}, expect: {output: "Hello Bob!"}}
""",
        encoding="utf-8",
    )
    done = millstream("test", str(file))
    assert done.returncode == 1
    assert "FAILED  by name" in done.stdout
    assert "/output: expected Hello Bob!, got Hello Ada!" in done.stdout


def test_a_document_with_errors_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("schema_version: 1\nname: broken\nsteps: {a: {module: core.st, version: 1}}\n", encoding="utf-8")
    done = millstream("test", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("error: The document has 1 error")
    assert "Traceback" not in done.stderr
