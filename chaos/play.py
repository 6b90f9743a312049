"""One play: a stack, a load, disturbances; then healing, settling, gathering, and the check."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from chaos.checker import Line, check
from chaos.disturb import Disturbance, Disturber
from chaos.evidence import FIRED, Evidence, gather, leftovers_of, unended
from chaos.ledger import open_ledger
from chaos.load import Load
from chaos.processes import gone, processes_of
from chaos.scene import all_scenes
from chaos.sections import Section, some_failpoints
from chaos.stand import Stand, doors, up
from server.embedded.control import stop_running
from server.failpoints import places

SETTLE_S = 240.0
"""For all runs to end once everything is well again; progress gives more."""
TIMES = 20
"""How often each failpoint fires in a play of all of them."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """`seconds` are those of load and disturbances, `settled_s` until all runs had ended, None if they didn't."""

    section: str
    about: str
    seed: int
    seconds: float
    settled_s: float | None
    callers: int
    answers: dict[str, int]
    lines: list[Line]
    disturbances: list[Disturbance]
    started_anew: int
    fired: dict[str, int]
    never_passed: list[str]
    kept: str | None

    @property
    def holds(self) -> bool:
        return all(line.holds for line in self.lines)

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "holds": self.holds}


async def play(section: Section, seed: int, say: Say, *, keep: Path | None = None) -> Report:
    """A whole play in a home of its own. A home whose play violated something stays under `keep`, if that is given."""
    folder = Path(tempfile.mkdtemp(prefix="millstream-chaos-", dir=keep))
    home = folder / "home"
    async with open_ledger() as ledger:
        try:
            state = await up(home, FAILPOINT=f"file:{home / 'run' / 'failpoint'}")
            async with doors(home, state) as http:
                stand = Stand(home, state, ledger, http)
                report = await _on(stand, section, seed, say)
        finally:
            await stop_running(home)
    if keep is None or report.holds:
        await asyncio.to_thread(_remove, folder)
        return report
    return replace(report, kept=str(home))


async def _on(stand: Stand, section: Section, seed: int, say: Say) -> Report:
    scenes = [scene for name, scene in all_scenes().items() if not section.scenes or name in section.scenes]
    load = Load(stand, scenes, seed, copies=section.copies)
    await load.deploy()
    noted: list[str] = []
    if section.failpoints == "each":
        noted = await _passed(stand, load, section, say)
    points = some_failpoints(places(), seed) if section.failpoints == "some" else _each(noted, seed)
    disturber = Disturber(stand, section.mix, seed, points)
    began = time.monotonic()
    stop = asyncio.Event()
    say(f"{section.name}: {section.about}; seed {seed}")
    asking = asyncio.create_task(load.run(stop, lanes=section.lanes, gap_s=section.gap_s, most=section.runs))

    def done() -> bool:
        if time.monotonic() - began < section.seconds:
            return section.failpoints == "each" and _fired_enough(stand, noted)
        if section.runs is not None and section.disturbances is None:
            return asking.done()
        return section.disturbances is None

    await disturber.run(done, most=section.disturbances)
    stand.failpoint_file.unlink(missing_ok=True)
    await disturber.heal()
    if section.failpoints != "none":
        # No process goes on with what it was given.
        stand.strike("api", "worker", by=signal.SIGKILL)
        await asyncio.sleep(0.2)
        await disturber.heal()
    if section.runs is None:
        stop.set()
    await asking
    seconds = time.monotonic() - began
    say(
        f"{len(disturber.made)} disturbances in {seconds:.0f} s; {len(load.callers)} callers were served; all runs are waited for"
    )
    settled = await _settled(stand)
    found = await gather(stand, load.callers, section.histories)
    found = await _taken_down(stand, found)
    reached = set(noted) or {place.rpartition(":")[0] for place in found.fired}
    return Report(
        section=section.name,
        about=section.about,
        seed=seed,
        seconds=round(seconds, 1),
        settled_s=None if settled is None else round(settled, 1),
        callers=len(load.callers),
        answers=dict(sorted(load.answers.items())),
        lines=check(found),
        disturbances=disturber.made,
        started_anew=disturber.started_anew,
        fired=dict(sorted(found.fired.items())),
        never_passed=[place for place in places() if place not in reached] if section.failpoints == "each" else [],
        kept=None,
    )


async def _settled(stand: Stand) -> float | None:
    """Seconds until no run was open; None when there was no progress for too long."""
    began = last = time.monotonic()
    fewest: int | None = None
    while time.monotonic() - last < SETTLE_S:
        await stand.heal()
        count = await unended(stand)
        if count == 0:
            return time.monotonic() - began
        if count is not None and (fewest is None or count < fewest):
            fewest, last = count, time.monotonic()
        await asyncio.sleep(0.25)
    return None


async def _taken_down(stand: Stand, found: Evidence) -> Evidence:
    """Stops the stack, and adds what is then still there."""
    state = stand.state
    seen = processes_of(state)
    addresses = (state.url, state.database_url, f"temporal://{state.temporal_address}")
    ports = [port for address in addresses if address is not None and (port := urlsplit(address).port) is not None]
    await stop_running(stand.home)
    with contextlib.suppress(TimeoutError):  # told below
        await gone(seen)
    left = leftovers_of(stand.home, ports)
    return replace(found, leftovers=left)


# -- failpoints, each of them


async def _passed(stand: Stand, load: Load, section: Section, say: Say) -> list[str]:
    """The places that this load passes."""
    say("what the load passes is noted")
    for part in ("api", "worker"):
        stand.failpoint_file.write_text("before:*:note,mid:*:note,after:*:note", encoding="utf-8")
        before = stand.state
        stand.strike(part)
        await stand.back(before, part)
    stop = asyncio.Event()
    asking = asyncio.create_task(load.run(stop, lanes=section.lanes, gap_s=section.gap_s))
    await asyncio.sleep(25)
    stop.set()
    await asking
    known = set(places())
    return sorted(place for place in {fired.rpartition(":")[0] for fired in _fired(stand)} if place in known)


def _each(noted: Sequence[str], seed: int) -> list[str]:
    """One is killed at, all others answer with an error at some passing; each gets its turn."""
    chance = random.Random(f"each {seed}")
    entries: list[str] = []
    for _ in range(TIMES):
        for place in chance.sample(noted, len(noted)):
            errors = [f"{other}:error@{chance.randint(2, 40)}" for other in noted if other != place]
            entries.append(",".join([f"{place}:kill@{chance.randint(1, 3)}", *errors]))
    return entries


def _fired_enough(stand: Stand, noted: Sequence[str]) -> bool:
    times: Counter[str] = Counter()
    for fired, count in _fired(stand).items():
        place, _, action = fired.rpartition(":")
        if action != "note":
            times[place] += count
    return all(times[place] >= TIMES for place in noted)


def _fired(stand: Stand) -> Counter[str]:
    text = "\n".join((stand.home / "logs" / f"{part}.log").read_text("utf-8", "replace") for part in ("api", "worker"))
    return Counter(f"{place}:{action}" for place, action in FIRED.findall(text))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
