"""Every failpoint, many times each: the part `failpoints`.

1. *Rounds* of maintenance, of the sweeper of files, and of the keys, at each border killed as often as cut off, in processes and
   databases of their own: a stack seldom does them.
2. *Cut off.* API and worker are started with every place armed: each fails by chance, as if its server had gone, until it has failed often
   enough. A load and a tour by every route pass them; callers repeat their requests. Again and again with those places alone that failed
   too seldom: what lies behind the others is then passed more often.
3. *Killed.* For a time, each process is started with one place at which it is killed: of those that it was seen to pass, the one
   at which it died least often.

Then all is healed, and every promise is checked as after any play. What is passed once in an installation's life is named, not tried here.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from chaos import rounds_process
from chaos.checker import Line, check
from chaos.disturb import Disturber, Mix
from chaos.evidence import FIRED, gather
from chaos.ledger import open_ledger
from chaos.load import Load
from chaos.play import Report, Say, Table, settle, taken_down
from chaos.scene import all_scenes
from chaos.stand import Stand, doors, up
from chaos.tour import Tour
from server.embedded.control import stop_running
from server.failpoints import places

TIMES = 20
_ERRORS_S, _KILLS_S = 1_500.0, 480.0
_ROUND_S = 150.0
_OFTEN, _SELDOM = 0.2, 0.7
"""The chance of a place on the way of each run, and of one that only some route passes: both are to fail 20 times in minutes."""
_WAY = (
    "activity.",
    "carrier.",
    "record.",
    "runs.accept",
    "runs.begin",
    "queue.claim",
    "queue.mark_started",
    "queue.send",
    "signals.",
    "flushes.",
    "api_keys.authenticate",
    "idempotency.",
)
_IDLE_S = 12.0
"""A process that doesn't die for so long doesn't pass its place now."""
_AFTER_A_START_THAT_FAILED = ("queue.note_trouble", "queue.release")
_AT_START = ("modules.", "workspaces.ensure_user", "keys.add", "keys.keep_root", "workflows.ensure_views")
_WHY_NOT = "passed once in an installation's life"

Fired = dict[str, Counter[str]]
"""By process, how often each `PLACE:ACTION` fired."""


async def failpoints(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """The whole part. `scale` shortens its two times; each place is still to fail 20 times while it lasts."""
    folder = Path(tempfile.mkdtemp(prefix="millstream-chaos-", dir=keep))
    home = folder / "home"
    async with open_ledger() as ledger:
        try:
            state = await up(home, FAILPOINT=f"shared:{home / 'run' / 'failpoint'}")
            async with doors(home, state) as http:
                report = await _Borders(Stand(home, state, ledger, http, failpoint="shared"), seed, scale, say).play()
        except BaseException:
            await stop_running(home)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        await stop_running(home)
    if keep is not None and not report.holds:
        return replace(report, kept=str(home))
    shutil.rmtree(folder, ignore_errors=True)
    return report


class _Borders:
    def __init__(self, stand: Stand, seed: int, scale: float, say: Say) -> None:
        self._stand = stand
        self._seed = seed
        self._scale = scale
        self._say = say
        self._chance = random.Random(f"borders {seed}")
        self._disturber = Disturber(stand, Mix({}), seed, [])
        self._tour = Tour(stand)

    async def play(self) -> Report:
        began = time.monotonic()
        rounds = await self._rounds()
        load = Load(self._stand, list(all_scenes().values()), self._seed)
        await load.deploy()
        stop = asyncio.Event()
        asking = asyncio.create_task(load.run(stop, lanes=10, gap_s=0.3))
        touring = [asyncio.create_task(self._tour.run(stop, lane)) for lane in range(4)]
        try:
            await self._cut_off()
            await self._killed()
        except BaseException:
            for task in (asking, *touring):
                task.cancel()
            await asyncio.gather(asking, *touring, return_exceptions=True)
            raise
        self._stand.failpoint_file.unlink(missing_ok=True)
        await self._anew()
        stop.set()
        await asyncio.gather(asking, *touring)
        seconds = time.monotonic() - began
        self._say(
            f"{len(load.callers)} callers were served, {self._tour.laps} laps of the tour; all runs are waited for"
        )
        settled = await settle(self._stand)
        found = await taken_down(self._stand, await gather(self._stand, load.callers, 500))
        errors, kills = self._sums(rounds)
        return Report(
            section="failpoints",
            about=f"each of {len(places())} failpoints: {TIMES} times, cut off or killed",
            seed=self._seed,
            seconds=round(seconds, 1),
            settled_s=None if settled is None else round(settled, 1),
            callers=len(load.callers),
            answers=dict(sorted(load.answers.items())),
            lines=[*self._lines(errors, kills), *check(found)],
            started_anew=self._disturber.started_anew,
            tables=[_by_place(errors, kills)],
        )

    async def _cut_off(self) -> None:
        armed = [place for place in places() if not _elsewhere(place)]
        until = time.monotonic() + _ERRORS_S * self._scale
        fired: Counter[str] = Counter()
        left = armed
        while left and time.monotonic() < until:
            self._say(f"{len(left)} of {len(armed)} places are armed in the API and the worker")
            points = [f"{place}:error@p{_chance_of(place)}x{TIMES}" for place in left]
            if any(_name(place) in _AFTER_A_START_THAT_FAILED for place in left):
                points += [f"{border}:carrier.start:error@p{_OFTEN}" for border in ("before", "after")]
            self._arm(",".join(dict.fromkeys(points)))
            await self._anew()
            again = min(until, time.monotonic() + _ROUND_S)
            while left and time.monotonic() < again:
                await self._disturber.heal()
                await asyncio.sleep(2)
                fired = _total(_fired(self._stand), "error")
                left = _seldom(armed, fired)
        self._say(f"{len(armed) - len(left)} of {len(armed)} failed {TIMES} times, or can't")

    async def _killed(self) -> None:
        """Both processes read the same text, so it names a place for each."""
        passed = {part: _places_of(found, "error") for part, found in _fired(self._stand).items()}
        waited: Counter[str] = Counter()
        before = await self._next(passed, waited)
        since = time.monotonic()
        until = since + _KILLS_S * self._scale
        while time.monotonic() < until:
            await asyncio.sleep(0.1)
            self._stand.hurry()
            if self._stand.state.pids.supervisor is None:
                # A start that dies each time is a failed one.
                self._stand.failpoint_file.unlink(missing_ok=True)
                await self._disturber.heal()
                before = {}
            now = _fired(self._stand)
            if now != before:
                before, since = await self._next(passed, waited), time.monotonic()
            elif time.monotonic() - since > _IDLE_S:
                self._stand.strike("api", "worker")
                before, since = await self._next(passed, waited), time.monotonic()

    async def _next(self, passed: Mapping[str, set[str]], waited: Counter[str]) -> Fired:
        """Arms for each process the place at which it died, or was waited for in vain, least often."""
        fired = _fired(self._stand)
        chosen: list[str] = []
        for part in ("api", "worker"):
            if not passed[part]:
                continue
            least = min(
                sorted(passed[part]),
                key=lambda place: (fired[part][f"{place}:kill"] + waited[place], self._chance.random()),
            )
            waited[least] += fired[part][f"{least}:kill"] == 0
            chosen.append(f"{least}:kill@{self._chance.randint(1, 2)}")
        self._arm(",".join(chosen))
        return fired

    def _arm(self, text: str) -> None:
        draft = self._stand.failpoint_file.with_suffix(".draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._stand.failpoint_file)

    async def _anew(self) -> None:
        """API and worker start with what is armed now."""
        await self._disturber.heal()
        before = self._stand.state
        self._stand.strike("api", "worker")
        await self._stand.back(before, "api", "worker")

    async def _rounds(self) -> Mapping[str, list[int]]:
        """Before the load, or they would take each other's processor for most of an hour."""
        self._say("what runs seldom is killed and cut off")
        found = await asyncio.gather(*(self._round(name) for name in rounds_process.WORKS))
        return {place: counts for one in found for place, counts in one.items()}

    async def _round(self, name: str) -> Mapping[str, list[int]]:
        url = self._stand.state.database_url
        assert url is not None
        times = max(1, round(TIMES / 2 * self._scale))
        with (self._stand.home / "logs" / f"rounds_{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                rounds_process.__name__,
                url,
                str(times),
                name,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
            try:
                said, _ = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            self._tour.wrong.append(f"after all that a whole round of {name} ended with {process.returncode}")
        return cast("dict[str, list[int]]", json.loads(said or b"{}"))

    def _sums(self, rounds: Mapping[str, list[int]]) -> tuple[Counter[str], Counter[str]]:
        fired = _fired(self._stand)
        errors, kills = _total(fired, "error"), _total(fired, "kill")
        for place, (killed, cut) in rounds.items():
            kills[place] += killed
            errors[place] += cut
        return errors, kills

    def _lines(self, errors: Counter[str], kills: Counter[str]) -> list[Line]:
        tried = [place for place in places() if not _name(place).startswith(_AT_START)]
        failed = errors + kills
        alone = [place for place in tried if _stands_alone(place, failed)]
        seldom = [f"{place}: {failed[place]}" for place in _seldom(tried, failed)]
        return [
            Line("places", len(places()), None),
            Line(f"of these {_WHY_NOT}", len(places()) - len(tried), None),
            Line("mid: of statements that stand alone, in no longer transaction", len(alone), None),
            Line(f"places that failed {TIMES} times or oftener", len(tried) - len(seldom) - len(alone), None),
            Line("places that failed less often", len(seldom), None, tuple(seldom)),
            Line("times cut off", errors.total(), None),
            Line("places killed at", sum(kills[place] > 0 for place in tried), None),
            Line("times killed there", kills.total(), None),
            Line(
                "answers of the tour that should not have come", len(self._tour.wrong), 0, tuple(self._tour.wrong[:5])
            ),
        ]


def _seldom(places_of_it: Sequence[str], failed: Counter[str]) -> list[str]:
    return [place for place in places_of_it if failed[place] < TIMES and not _stands_alone(place, failed)]


def _stands_alone(place: str, failed: Counter[str]) -> bool:
    """Its statement was done often, and never in a longer transaction: there is no such border."""
    border, _, name = place.partition(":")
    return (
        border == "mid" and not failed[place] and failed[f"before:{name}"] >= TIMES and failed[f"after:{name}"] >= TIMES
    )


def _name(place: str) -> str:
    return place.partition(":")[2]


def _chance_of(place: str) -> float:
    return _OFTEN if _name(place).startswith(_WAY) else _SELDOM


def _elsewhere(place: str) -> bool:
    return _name(place).startswith((*_AT_START, *rounds_process.SELDOM))


def _by_place(errors: Counter[str], kills: Counter[str]) -> Table:
    rows: list[list[object]] = []
    for place in places():
        why = ""
        if not errors[place] + kills[place]:
            if _name(place).startswith(_AT_START):
                why = _WHY_NOT
            elif _stands_alone(place, errors + kills):
                why = "stands alone, in no longer transaction"
        rows.append([place, errors[place], kills[place], why])
    return Table("failpoints by place", ("place", "cut off", "killed", ""), rows)


def _fired(stand: Stand) -> Fired:
    return {
        part: Counter(
            f"{place}:{action}"
            for place, action in FIRED.findall((stand.home / "logs" / f"{part}.log").read_text("utf-8", "replace"))
        )
        for part in ("api", "worker")
    }


def _places_of(fired: Counter[str], action: str) -> set[str]:
    return {place for place, _, one in (entry.rpartition(":") for entry in fired) if one == action}


def _total(fired: Fired, action: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for found in fired.values():
        for entry, count in found.items():
            place, _, one = entry.rpartition(":")
            if one == action:
                total[place] += count
    return total
