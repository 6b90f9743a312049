"""What takes too much CPU ends where it is, and nothing of the limit stays."""

from __future__ import annotations

import signal

import pytest

from modules.sdk.isolated import cpu_limit
from modules.sdk.verdicts import Rejected


def test_what_takes_too_much_ends() -> None:
    with pytest.raises(Rejected, match="too much") as caught:
        _spin()
    assert caught.value.code == "mail.too_costly"
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


def test_what_takes_little_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGPROF)
    with cpu_limit(60, "mail.too_costly", "too much"):
        assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert signal.getsignal(signal.SIGPROF) == before


def _spin() -> None:
    with cpu_limit(0.05, "mail.too_costly", "too much"):
        while True:
            pass
