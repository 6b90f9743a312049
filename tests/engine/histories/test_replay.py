"""What released code recorded, today's code must do again, command by command."""

from __future__ import annotations

import pytest

from tests.engine.histories import recordings
from tests.engine.histories.scenes import SCENES


@pytest.mark.parametrize("name", recordings.names())
async def test_a_recorded_run_is_replayed(name: str) -> None:
    await recordings.load(name).replay()


def test_every_scene_is_recorded() -> None:
    assert sorted(SCENES) == list(recordings.names())
