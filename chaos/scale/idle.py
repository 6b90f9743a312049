"""What a stack costs that has nothing to do: the processor time of each of its processes over a minute."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from chaos.checker import Line
from chaos.play import Report, Say, Table
from chaos.processes import PARTS, family, pid_of
from chaos.stand import open_stand
from server.embedded.state import StackState

_SETTLE_S, _WATCHED_S = 20.0, 60.0
_BAR = 1.0
_JUDGED = ("supervisor", "api", "worker", "postgres")
"""Temporal's server has a rhythm of its own, with nobody connected; it is shown."""


async def idle(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """Per cent of a core, of each part with all its processes."""
    del keep
    about = f"processor time with nothing to do, over {_WATCHED_S:g} s"
    say(f"idle: {about}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="millstream-idle-") as folder:
        async with open_stand(Path(folder) / "home") as stand:
            await asyncio.sleep(_SETTLE_S)
            before, since = _times(stand.state), time.monotonic()
            await asyncio.sleep(max(10.0, _WATCHED_S * scale))
            lasted = time.monotonic() - since
            after = _times(stand.state)
    used = {part: (after[part] - before[part]) / lasted * 100 for part in before}
    return Report(
        section="idle",
        about=about,
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
        lines=[
            Line("parts that use 1 % of a core or more", sum(used[part] >= _BAR for part in _JUDGED), 0),
        ],
        tables=[Table("idle: per cent of a core", ("part", "%"), [[part, round(used[part], 2)] for part in used])],
    )


def _times(state: StackState) -> dict[str, float]:
    """Seconds of processor time so far; of PostgreSQL, its server's with all its children's."""
    roots = {"supervisor": state.pids.supervisor or 0, **{part: pid_of(state, part) for part in PARTS}}
    return {
        part: sum(_seconds(one) for one in (family(pid) if part != "supervisor" else [pid]))
        for part, pid in roots.items()
    }


def _seconds(pid: int) -> float:
    """What its children used that are gone counts too."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
