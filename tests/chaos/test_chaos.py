"""Whatever is done to the stack, in whatever order, while runs of every kind are under way: every promise holds."""

from __future__ import annotations

import pytest

from chaos.parts import PARTS
from chaos.play import Report, play
from chaos.sections import mixed

SEED = 1
PLAY_SEED = 11
PLAY_S = 120.0


def held(report: Report) -> None:
    broken = [f"{line.what}: {line.count} {line.examples}" for line in report.lines if not line.holds]
    assert broken == [], f"seed {report.seed}: {[(one.kind, one.detail) for one in report.disturbances]}"
    assert report.settled_s is not None
    counted = {line.what: line.count for line in report.lines}
    assert counted["runs that a 2xx answer named"] > 0
    assert counted["effects"] > 0
    assert report.disturbances


@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_a_play() -> None:
    held(await play(mixed(PLAY_S), PLAY_SEED, print))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", ["kills", "webhooks", "mails", "inbox"])
async def test_a_part_of_the_full_proof_in_small(part: str) -> None:
    report = await PARTS[part](SEED, 0.02, print, None)
    assert [f"{line.what}: {line.count} {line.examples}" for line in report.lines if not line.holds] == []
