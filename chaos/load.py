"""The load: runs asked for again and again, by callers who don't give up.

A caller has a number, and sends one request with one Idempotency-Key until it is answered 2xx; then it knows the run's id, and that run must
never be lost. Some send the same request several times at once, or again later, and must get the same run. What isn't answered is
counted by what came instead.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import cast

import httpx

from chaos.scene import Document, Scene
from chaos.stand import Stand

_PAUSE_S = (0.05, 0.4)
NO_ANSWER = (httpx.TransportError, AttributeError)
"""The second is how the client tells of a peer that went while it was being greeted: it asks a closed socket for its name."""
GIVE_UP_S = 900.0
"""A caller that isn't answered for so long is a violation by itself."""


@dataclass(slots=True)
class Caller:
    """One who wants one run. `run_ids`: all ids that the 2xx answers named, the first one first."""

    number: int
    scene: Scene
    run_ids: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    """Answers that should never have come."""


class Load:
    """Use: `deploy`, then `run` until `stop` or until `most` callers have come. `callers` is what they were told."""

    def __init__(self, stand: Stand, scenes: Sequence[Scene], seed: int, *, copies: int = 1) -> None:
        self._stand = stand
        self._scenes = scenes
        self._seed = seed
        self._copies = copies
        self.callers: list[Caller] = []
        self.answers: Counter[str] = Counter()
        self.without: Counter[str] = Counter()
        """Answers that were asked for and given while a part was away: `202 without temporal`."""
        self._turns: dict[str, asyncio.Lock] = {}

    async def deploy(self) -> None:
        for scene in self._scenes:
            for queue in scene.queues:
                (await self._stand.http.post("/queues", json=queue)).raise_for_status()
            for document in scene.documents(self._stand.ledger.url):
                await self._deploy(document)

    async def run(self, stop: asyncio.Event, *, lanes: int, gap_s: float, most: int | None = None) -> None:
        """`lanes` callers at a time, each lane with `gap_s` seconds between two. Returns when all who came were served."""
        numbers = iter(range(most)) if most is not None else count()
        async with asyncio.TaskGroup() as group:
            for lane in range(lanes):
                group.create_task(self._lane(numbers, random.Random(f"{self._seed}:{lane}"), stop, gap_s, group))

    async def burst(self, scene: str, number: int, first: int) -> list[Caller]:
        """That many runs of one scene at once, numbered from `first`; returns when all are taken."""
        chosen = next(one for one in self._scenes if one.name == scene)
        some = [Caller(first + one, chosen) for one in range(number)]
        self.callers += some
        chance, places = random.Random(f"{self._seed}:burst"), asyncio.Semaphore(16)

        async def ask(caller: Caller) -> None:
            async with places:
                await self._ask(caller, chance)

        await asyncio.gather(*(ask(caller) for caller in some))
        return some

    async def _lane(
        self, numbers: Iterator[int], chance: random.Random, stop: asyncio.Event, gap_s: float, group: asyncio.TaskGroup
    ) -> None:
        weights = [scene.weight for scene in self._scenes]
        while not stop.is_set():
            number = next(numbers, None)
            if number is None:
                return
            scene = random.Random(f"{self._seed}/{number}").choices(self._scenes, weights)[0]
            caller = Caller(number, scene)
            self.callers.append(caller)
            await self._call(caller, chance)
            if scene.then != "nothing":
                group.create_task(self._then(caller, chance))
            await asyncio.sleep(gap_s * chance.uniform(0.5, 1.5))

    async def _call(self, caller: Caller, chance: random.Random) -> None:
        crowd = caller.scene.crowd
        if crowd is not None and crowd.ordered:
            async with self._turns.setdefault(f"{caller.scene.name}:{crowd.of(caller.number)}", asyncio.Lock()):
                await self._ask(caller, chance)
                if caller.scene.entry == "sync" and caller.run_ids:
                    # What the run adds to a queue has its place only when it has ended.
                    await self._until(
                        lambda: self._stand.http.get(f"/runs/{caller.run_ids[0]}"),
                        lambda answer: answer.status_code == 200 and answer.json()["finished_at"] is not None,
                        caller,
                        chance,
                    )
        else:
            copies = self._copies if self._copies > 1 else chance.choices([1, 3], [9, 1])[0]
            await asyncio.gather(*(self._ask(caller, chance) for _ in range(copies)))
        if chance.random() < 0.05:
            await self._ask(caller, chance)

    async def _ask(self, caller: Caller, chance: random.Random) -> None:
        """Until a 2xx, or an answer that says that the run is taken and goes on."""
        scene, number = caller.scene, caller.number
        key = {"Idempotency-Key": f"chaos-{self._seed}-{number}"}

        async def send() -> httpx.Response:
            if scene.entry == "api":
                path = f"/workflows/{scene.name}/runs"
                return await self._stand.http.post(path, json={"input": {"n": number}}, headers=key)
            return await self._stand.http.post(
                f"{self._stand.url}/hooks/main/{scene.name}/hook", json={"n": number}, headers=key
            )

        answer = await self._until(send, lambda answer: answer.status_code < 300 or _taken(answer), caller, chance)
        if answer is None:
            return
        run_id = answer.headers.get("x-run-id") or _member(answer, "run_id")
        if run_id is None:
            caller.wrong.append(f"no run in the answer {answer.status_code}: {answer.text[:200]}")
            return
        caller.run_ids.append(run_id)
        if scene.entry == "sync" and answer.status_code == 200 and answer.json() != scene.output(number):
            caller.wrong.append(f"{number} was answered {answer.text[:200]}")

    async def _then(self, caller: Caller, chance: random.Random) -> None:
        if not caller.run_ids:
            return
        run_id = caller.run_ids[0]
        if caller.scene.then == "cancel":
            await asyncio.sleep(chance.uniform(0, 1.5))
            await self._until(
                lambda: self._stand.http.post(f"/runs/{run_id}/cancel"),
                lambda answer: answer.status_code in {200, 202},
                caller,
                chance,
            )
            return
        seen = await self._until(
            lambda: self._stand.http.get(f"/runs/{run_id}"),
            lambda answer: answer.status_code == 200 and _resume_url(answer) is not None,
            caller,
            chance,
        )
        url = None if seen is None else _resume_url(seen)
        if url is not None:
            await self._until(
                lambda: self._stand.http.post(url, json={"said": caller.number}),
                lambda answer: answer.status_code in {200, 409},
                caller,
                chance,
            )

    async def _until(
        self,
        send: Callable[[], Awaitable[httpx.Response]],
        settled: Callable[[httpx.Response], bool],
        caller: Caller,
        chance: random.Random,
    ) -> httpx.Response | None:
        give_up = asyncio.get_running_loop().time() + GIVE_UP_S
        last = "no answer"
        while asyncio.get_running_loop().time() < give_up:
            away = self._stand.away
            try:
                answer = await send()
            except NO_ANSWER as error:
                last = type(error).__name__
                self.answers[last] += 1
            else:
                self.answers[str(answer.status_code)] += 1
                if away is not None and self._stand.away == away:
                    self.without[f"{answer.status_code} without {away}"] += 1
                if settled(answer):
                    return answer
                last = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code not in {200, 409, 429, 503}:
                    caller.wrong.append(last)
                    return None
            await asyncio.sleep(chance.uniform(*_PAUSE_S))
        caller.wrong.append(f"gave up after {GIVE_UP_S:.0f} s; at last: {last}")
        return None

    async def _deploy(self, document: Document) -> None:
        http = self._stand.http
        (await http.post("/workflows", json={"document": document})).raise_for_status()
        (await http.post(f"/workflows/{document['name']}/deploy", json={"note": "chaos"})).raise_for_status()


def _taken(answer: httpx.Response) -> bool:
    """The run exists, though it didn't answer in time or failed."""
    return answer.status_code in {500, 504, 409} and _member(answer, "run_id") is not None


def _member(answer: httpx.Response, name: str) -> str | None:
    try:
        found = cast("object", answer.json())
    except ValueError:
        return None
    value = cast("dict[str, object]", found).get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


def _resume_url(answer: httpx.Response) -> str | None:
    run = answer.json()
    return next((wait["resume_url"] for wait in run["waiting_for"] or () if wait["resume_url"]), None)
