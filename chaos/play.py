"""One play: a stack, a load, disturbances; then healing, settling, gathering, and the check."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from chaos.checker import Line, check
from chaos.disturb import Disturbance, Disturber
from chaos.evidence import Evidence, gather, leftovers_of, unended
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
BURST = 1_000_000
"""The number of the first run of a burst; the others' come from 0."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of a part that has some of its own."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`seconds` are those of load and disturbances, `settled_s` until all runs had ended, None if they didn't, or there were none."""

    section: str
    about: str
    seed: int
    seconds: float
    lines: list[Line]
    settled_s: float | None = None
    callers: int = 0
    answers: dict[str, int] = field(default_factory=dict[str, int])
    disturbances: list[Disturbance] = field(default_factory=list[Disturbance])
    started_anew: int = 0
    fired: dict[str, int] = field(default_factory=dict[str, int])
    tables: list[Table] = field(default_factory=list[Table])
    kept: str | None = None

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
        except BaseException:
            await stop_running(home)
            await asyncio.to_thread(_remove, folder)
            raise
        await stop_running(home)
    if keep is None or report.holds:
        await asyncio.to_thread(_remove, folder)
        return report
    return replace(report, kept=str(home))


async def _on(stand: Stand, section: Section, seed: int, say: Say) -> Report:
    scenes = [scene for name, scene in all_scenes().items() if not section.scenes or name in section.scenes]
    load = Load(stand, scenes, seed, copies=section.copies)
    await load.deploy()
    points = some_failpoints(places(), seed) if section.failpoints == "some" else []
    disturber = Disturber(stand, section.mix, seed, points)
    began = time.monotonic()
    stop = asyncio.Event()
    say(f"{section.name}: {section.about}; seed {seed}")
    asking = asyncio.create_task(load.run(stop, lanes=section.lanes, gap_s=section.gap_s, most=section.runs))
    try:
        await _disturbed(section, load, disturber, asking, stand)
    except BaseException:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise
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
    settled = await settle(stand)
    found = await gather(stand, load.callers, section.histories)
    found = await taken_down(stand, found)
    return Report(
        section=section.name,
        about=section.about,
        seed=seed,
        seconds=round(seconds, 1),
        settled_s=None if settled is None else round(settled, 1),
        callers=len(load.callers),
        answers=dict(sorted((load.answers + load.without).items())),
        lines=[*_done(section, load, disturber, found), *check(found)],
        disturbances=disturber.made,
        started_anew=disturber.started_anew,
        fired=dict(sorted(found.fired.items())),
    )


async def _disturbed(
    section: Section, load: Load, disturber: Disturber, asking: asyncio.Task[None], stand: Stand
) -> None:
    """Returns when the load's time is over, or its runs are taken, or all was done that is to be done so often."""
    began = time.monotonic()
    if section.kills is not None:
        kills, runs = section.kills, section.runs or 0

        async def pace() -> None:
            await disturber.kills(lambda killed: len(load.callers) >= killed * runs / kills, kills)

        # Runs of callers that wait may need parts that nobody started yet.
        await pace()
        return

    def done() -> bool:
        if time.monotonic() - began < section.seconds:
            return False
        return not section.mix.exact and (section.runs is None or asking.done())

    async def before_loss() -> int:
        if section.open_at_loss:
            await load.burst("patient", section.open_at_loss, BURST)
            await _begun(stand, section.open_at_loss)
        return await unended(stand) or 0

    await disturber.run(done, before_loss=before_loss)


async def _begun(stand: Stand, number: int) -> None:
    """Returns when the first call of so many runs of the burst has come."""
    for one in range(BURST, BURST + number):
        await stand.ledger.arrived(f"/patient/{one}/before")


def _done(section: Section, load: Load, disturber: Disturber, found: Evidence) -> list[Line]:
    """What was done to the stack, counted, where so much of it is asked for."""
    lines: list[Line] = []
    if section.kills is not None:
        each = ", ".join(f"{count} {part}" for part, count in sorted(disturber.killed.items()))
        lines.append(Line(f"parts killed that had come up ({each})", disturber.killed.total(), section.kills))
    if section.runs is not None:
        lines.append(Line("runs asked for", len(load.callers), section.runs))
    if section.open_at_loss and section.mix.kinds.get("store"):
        lines.append(
            Line(
                "runs open when Temporal's file was deleted", disturber.open_when_lost, None, least=section.open_at_loss
            )
        )
    if section.mix.kinds.get("temporal") and section.mix.exact:
        lines.append(
            Line("webhooks answered 202 while Temporal was away", load.without["202 without temporal"], None, least=1)
        )
    if section.refusals:
        lines.append(Line("writes refused by their epoch", found.refused, None, least=1))
    return lines


async def settle(stand: Stand) -> float | None:
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


async def taken_down(stand: Stand, found: Evidence) -> Evidence:
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


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
