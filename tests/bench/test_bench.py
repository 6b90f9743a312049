"""The benchmark measures what it says and counts no wrong outcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.documents import chain, expected
from bench.measure import Row, compare
from engine.runs.offline import test_document as run_tests_of


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10])
async def test_the_measured_chain_does_its_work(steps: int) -> None:
    test = {"name": "one", "input": {"amount": 7}, "expect": {"status": "succeeded", "output": expected(steps, 7)}}
    report = await run_tests_of({**chain(steps), "tests": [test]})
    assert report["failed"] == 0, report["results"]


async def test_pairs_are_measured_in_turn_and_the_ratio_is_ours_over_theirs() -> None:
    order: list[str] = []

    async def ours(_: int) -> None:
        order.append("ours")

    async def theirs(_: int) -> None:
        order.append("theirs")

    row = Row("R", "work", "beside", at_once=1, figure="p50", count=2, goal=1.0)
    report = (await compare(row, ours, theirs, pairs=2)).to_json()
    assert order == ["ours", "theirs", *(["ours"] * 2 + ["theirs"] * 2) * 2]
    assert set(report) == {
        "row",
        "work",
        "beside",
        "ratio",
        "low",
        "high",
        "goal",
        "met",
        "ours",
        "theirs",
        "unit",
        "pairs",
    }


@pytest.mark.slow
def test_the_command_prints_a_row_as_json_and_keeps_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server.cli.main", "bench", "--rows", "R1", "--pairs", "1", "--json"],
        env={**os.environ, "MILLSTREAM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) == {"machine", "rows"}
    (row,) = report["rows"]
    assert (row["row"], len(row["pairs"])) == ("R1", 1)
    (kept,) = (tmp_path / "home" / "bench").iterdir()
    assert json.loads(kept.read_text(encoding="utf-8")) == report


def test_an_unknown_row_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server.cli.main", "bench", "--rows", "R99"],
        env={**os.environ, "MILLSTREAM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: there is no row 'R99'")
