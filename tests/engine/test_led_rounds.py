"""The loop of what one process of many does: which rounds are made, and what ends it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from engine.led_rounds import Rhythm, led_rounds

log = logging.getLogger("tests.led_rounds")


class Script:
    """Leads, and makes rounds, as its list says; the last entry stays."""

    def __init__(self, *says: bool | Exception) -> None:
        self.says = list(says)
        self.made = 0
        self.names: set[str] = set()
        self.asleep = asyncio.Event()

    async def leads(self, name: str) -> bool:
        self.names.add(name)
        return self.says[0] is not False or self.says.pop(0) is not False

    async def make(self) -> None:
        said = self.says.pop(0)
        self.made += 1
        if not self.says:
            self.asleep.set()
        if isinstance(said, Exception):
            raise said


async def rounds(script: Script, *, every: float, soon: float) -> None:
    """Until the script has been played."""
    rhythm = Rhythm(every, soon, 0.5)
    loop = asyncio.ensure_future(
        led_rounds("sweeping", script.leads, script.make, rhythm, gone=(ConnectionError,), log=log)
    )
    await script.asleep.wait()
    assert not loop.done()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


async def test_a_missing_server_and_another_leader_are_waited_out_shortly(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(False, ConnectionError("away"), False, False, ConnectionError("away"), True)
    await rounds(script, every=3600.0, soon=0.0)
    assert (script.made, script.names) == (3, {"sweeping"})
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_fault_of_ours_is_logged_and_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(ValueError("a fault"), True, KeyError("another"), True)
    await rounds(script, every=0.0, soon=3600.0)
    assert script.made == 4
    told = [record.getMessage() for record in caplog.records if record.exc_info]
    assert told == ["the round of sweeping failed; the next one begins anew"] * 2
