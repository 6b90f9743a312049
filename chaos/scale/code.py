"""Users' code: how fast its calls are, how its bombs end, and what they cost those who run beside them.

Calls and bombs go straight to the sandbox, as a worker has it. What bombs cost others is measured on a whole stack: runs without any code, one
at a time, with nothing beside them, beside bombs of each kind in turn, and beside as many as may run at once. Those many are a load by
themselves, whatever their code does, so the same number of calls that only sleep is shown beside them.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from chaos.checker import Line
from chaos.play import Report, Say, Table
from chaos.scene import flow, step
from chaos.stand import Stand, open_stand
from engine.sandbox.sandbox import MOST_AT_ONCE, Sandbox
from modules.sdk.context import Language

_ECHO: dict[Language, str] = {
    "python": "def main(input):\n    return input",
    "javascript": "function main(input) { return input }",
}
_BOMBS: dict[str, tuple[Language, str]] = {
    "processor": ("python", "def main(input):\n    while True: pass"),
    "bare except": ("python", "def main(input):\n    while True:\n        try:\n            while True: pass\n        except: pass"),
    "regular expression": ("python", "import re\ndef main(input): re.match('(a+)+$', 'a' * 50 + 'b')"),
    "big integer": ("python", "def main(input): return 9 ** 9 ** 9"),
    "doubling": ("python", "def main(input):\n    a = 'x'\n    while True: a += a"),
    "recursion": ("python", "def main(input):\n    def f(n): return f(n + 1) + 1\n    while True:\n        try: f(0)\n        except: pass"),
    "print": ("python", "def main(input):\n    while True: print('x' * 1000)"),
    "return": ("python", "def main(input): return ['x' * 1000] * 10 ** 7"),
    "sleep": ("python", "import time\ndef main(input): time.sleep(1000)"),
    "endless sum": ("python", "import itertools\ndef main(input): return sum(itertools.count())"),
    "loop": ("javascript", "function main() { for (;;) { try { for (;;); } catch {} } }"),
    "regular expression of JavaScript": ("javascript", "function main() { return /(a+)+$/.exec('a'.repeat(50) + 'b') }"),
    "array": ("javascript", "function main() { const a = []; for (;;) a.push('x'.repeat(100000) + a.length) }"),
    "micro tasks": ("javascript", "function main() { return new Promise(() => { const f = () => queueMicrotask(f); f() }) }"),
}  # fmt: skip
_MEMORY_MB = 64
_CALLS, _LIMIT_S, _OVER_S = 1_000, 1.0, 0.25
_OTHERS = 200
_FASTEST_P50_S, _FEWEST_A_SECOND, _WORST_RATIO = 0.015, 100.0, 2.0


async def code(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """`scale` is so much of the calls and the runs."""
    del keep
    about = f"{_CALLS} calls of each language, {len(_BOMBS)} bombs, and what they cost {_OTHERS} runs of others"
    say(f"code: {about}")
    began = time.monotonic()
    async with Sandbox() as sandbox:
        speed = [await _speed(sandbox, language, max(20, round(_CALLS * scale))) for language in _ECHO]
        over = {name: await _over(sandbox, *bomb) for name, bomb in _BOMBS.items()}
    say("the bombs have ended; now beside runs of others")
    with tempfile.TemporaryDirectory(prefix="millstream-code-") as folder:
        async with open_stand(Path(folder) / "home") as stand:
            others = await _others(stand, max(20, round(_OTHERS * scale)))
    return Report(
        section="code",
        about=about,
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
        lines=[
            Line("languages with fewer than 100 calls a second", sum(one[1] < _FEWEST_A_SECOND for one in speed), 0),
            Line("languages whose median call takes 15 ms or more", sum(one[0] >= _FASTEST_P50_S for one in speed), 0),
            Line("bombs that outlived their limit by more than 250 ms", sum(one > _OVER_S for one in over.values()), 0),
            Line("others whose p95 more than doubled beside a bomb", int(others.one > others.alone * _WORST_RATIO), 0),
        ],
        tables=[
            Table(
                "code: calls",
                ("language", "p50 ms alone", f"calls/s, {MOST_AT_ONCE} at once"),
                [[name, round(p50 * 1e3, 1), round(rate)] for name, (p50, rate) in zip(_ECHO, speed, strict=True)],
            ),
            Table(
                f"code: bombs, beyond their {_LIMIT_S:g} s",
                ("bomb", "ms"),
                [[name, round(seconds * 1e3)] for name, seconds in over.items()],
            ),
            Table(
                "code: p95 of others' runs",
                ("beside", "ms", "ratio"),
                [
                    [beside, round(p95 * 1e3, 1), round(p95 / others.alone, 2)]
                    for beside, p95 in (
                        ("nothing", others.alone),
                        ("one bomb after another", others.one),
                        (f"{MOST_AT_ONCE} calls that sleep", others.sleeping),
                        (f"{MOST_AT_ONCE} bombs at once", others.many),
                    )
                ],
            ),
        ],
    )


async def _call(sandbox: Sandbox, language: Language, number: int) -> float:
    began = time.monotonic()
    answer = await sandbox.run(language, _ECHO[language], number, timeout=30, memory_mb=_MEMORY_MB)
    assert answer.value == number, answer
    return time.monotonic() - began


async def _speed(sandbox: Sandbox, language: Language, calls: int) -> tuple[float, float]:
    """The median call, in seconds, one at a time; and calls a second, with as many at once as there may be."""
    await _call(sandbox, language, 0)
    took = [await _call(sandbox, language, number) for number in range(calls // 5)]
    numbers = iter(range(calls))

    async def lane() -> None:
        for number in numbers:
            await _call(sandbox, language, number)

    began = time.monotonic()
    await asyncio.gather(*(lane() for _ in range(MOST_AT_ONCE)))
    return statistics.median(took), calls / (time.monotonic() - began)


async def _over(sandbox: Sandbox, language: Language, source: str) -> float:
    """Seconds beyond its limit; below 0 where something else ended it first."""
    began = time.monotonic()
    answer = await sandbox.run(language, source, None, timeout=_LIMIT_S, memory_mb=_MEMORY_MB)
    assert answer.error is not None, source
    return time.monotonic() - began - _LIMIT_S


@dataclass(frozen=True, slots=True)
class _Others:
    """p95 of runs without code, in seconds, by what was beside them."""

    alone: float
    one: float
    sleeping: float
    many: float


async def _others(stand: Stand, count: int) -> _Others:
    pure = flow(
        "others",
        "{{ steps.b.output.n }}",
        a=step("core.set", values={"n": 1}),
        b=step("core.set", values={"n": "{{ steps.a.output.n + 1 }}"}, after="a"),
    )
    kinds = {f"bomb-{number}": bomb for number, bomb in enumerate(_BOMBS.values())}
    bombs = [
        flow(name, None, boom=step(f"code.{language}", source=source) | {"timeout": _LIMIT_S})
        for name, (language, source) in kinds.items()
    ]
    for document in (pure, *bombs):
        (await stand.http.post("/workflows", json={"document": document})).raise_for_status()
        (await stand.http.post(f"/workflows/{document['name']}/deploy", json={})).raise_for_status()

    async def start(workflow: str) -> str:
        answer = await stand.http.post(f"/workflows/{workflow}/runs", json={"input": {}, "wait": 60})
        return str(answer.raise_for_status().json()["status"])

    async def p95() -> float:
        took: list[float] = []
        for _ in range(count):
            began = time.monotonic()
            assert await start("others") == "succeeded"
            took.append(time.monotonic() - began)
        return statistics.quantiles(took, n=20)[-1]

    async def lane(names: Iterable[str]) -> None:
        for name in itertools.cycle(names):
            assert await start(name) == "failed"

    async def beside(*lanes: Iterable[str]) -> float:
        tasks = [asyncio.create_task(lane(names)) for names in lanes]
        try:
            await asyncio.sleep(2 * _LIMIT_S)
            return await p95()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    numbers = {name: f"bomb-{number}" for number, name in enumerate(_BOMBS)}
    await p95()
    return _Others(
        await p95(),
        await beside(kinds),
        await beside(*[[numbers["sleep"]]] * MOST_AT_ONCE),
        await beside(*[[numbers["processor"]]] * MOST_AT_ONCE),
    )
