"""The replays of `test_replay.py` are worth something: they find out changes that would break open runs."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from tests.engine.histories.breakers import BREAKERS

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
async def test_every_deliberate_break_is_caught() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.engine.histories.breakers", cwd=ROOT, stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    said = (await process.stdout.read()).decode()
    await process.wait()
    found = dict(line.split(": ", 1) for line in said.splitlines() if line.split(":")[0] in BREAKERS)
    assert found.keys() == BREAKERS.keys(), said[-2000:]
    assert [name for name, by in found.items() if by == "NOT CAUGHT"] == []
    assert len(BREAKERS) >= 10
