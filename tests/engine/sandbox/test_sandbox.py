"""What holds of calls, whatever the code does: limits by the clock, logs that stay, nothing left behind, a process that comes back."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from hypothesis import given as for_all

from engine.sandbox.sandbox import MOST_AT_ONCE, Sandbox
from modules.sdk.context import CodeAnswer, Language
from modules.sdk.json import Json
from tests.engine.sandbox.test_hostile import processes_below
from tests.modules.values import VALUES

ECHO: dict[Language, str] = {
    "python": "def main(input):\n    return input",
    "javascript": "function main(input) { return input }",
}
BOMBS: list[tuple[Language, str]] = [
    ("python", "def main(input):\n    while True: pass"),
    ("python", "def main(input):\n    while True:\n        try:\n            while True: pass\n        except: pass"),
    ("python", "import re\ndef main(input): re.match('(a+)+$', 'a' * 50 + 'b')"),
    ("python", "def main(input): return 9 ** 9 ** 9"),
    ("python", "import time\ndef main(input): time.sleep(1000)"),
    ("python", "def main(input):\n    while True: print('x' * 1000)"),
    ("python", "import itertools\ndef main(input): return sum(itertools.count())"),
    ("javascript", "function main() { for (;;) { try { for (;;); } catch {} } }"),
    ("javascript", "function main() { return /(a+)+$/.exec('a'.repeat(50) + 'b') }"),
    ("javascript", "function main() { for (;;) console.log('x'.repeat(1000)) }"),
    ("javascript", "function main() { return new Promise((ok) => { const f = () => queueMicrotask(f); f() }) }"),
]
DOUBLING: list[tuple[Language, str]] = [
    ("python", "def main(input):\n    a = 'x'\n    while True: a += a"),
    ("python", "def main(input):\n    a = []\n    while True: a.append([0] * 1000)"),
    ("python", "def main(input): return [0] * 10 ** 12"),
    ("javascript", "function main() { const a = []; for (;;) a.push('x'.repeat(100000) + a.length) }"),
]


async def run(sandbox: Sandbox, language: Language, source: str, given: Json = None, timeout: float = 10) -> CodeAnswer:
    return await sandbox.run(language, source, given, timeout=timeout, memory_mb=64)


def code_of(answer: CodeAnswer) -> str:
    assert answer.error is not None
    return answer.error.code


async def test_bombs_end_by_the_clock_and_hold_nobody_up(sandbox: Sandbox) -> None:
    bombs = [asyncio.create_task(run(sandbox, language, source, timeout=0.4)) for language, source in BOMBS]
    assert (await run(sandbox, "python", ECHO["python"], 7)).value == 7
    assert [code_of(each) for each in await asyncio.gather(*bombs)] == ["code.timeout"] * len(BOMBS)


async def test_memory_has_an_end(sandbox: Sandbox) -> None:
    answers = await asyncio.gather(*(run(sandbox, language, source) for language, source in DOUBLING))
    assert [code_of(each) for each in answers] == ["code.memory"] * len(DOUBLING)


async def test_what_was_printed_stays_when_it_fails_and_has_an_end(sandbox: Sandbox) -> None:
    answer = await run(
        sandbox,
        "python",
        "def main(input):\n    print('one', 2, sep='-')\n    print('a', end='')\n    print('b')\n    1 / 0",
    )
    assert ([line.message for line in answer.logs], code_of(answer)) == (["one-2", "ab"], "code.error")
    answer = await run(
        sandbox, "javascript", "function main() { console.warn('odd', { a: 1 }); for (;;); }", timeout=0.4
    )
    assert [(line.level, line.message) for line in answer.logs] == [("warning", 'odd {"a":1}')]
    answer = await run(sandbox, "python", "def main(input):\n    for _ in range(1000): print('x' * 1000)\n    return 1")
    assert (answer.value, answer.logs[-1].message[:8]) == (1, "The rest")
    assert sum(len(line.message) for line in answer.logs) < 70_000


@pytest.mark.parametrize("language", ["python", "javascript"])
async def test_data_goes_through_as_it_is(sandbox: Sandbox, language: Language) -> None:
    seen: list[Json] = []

    @for_all(VALUES)
    def collect(value: Json) -> None:
        seen.append(value)

    collect()
    whole = [each for each in seen if language == "python" or not _large(each)]
    for start in range(0, len(whole), 20):
        part = whole[start : start + 20]
        assert (await run(sandbox, language, ECHO[language], part)).value == part


def _large(value: Json) -> bool:
    """Numbers that JavaScript can't tell from others."""
    if isinstance(value, dict):
        return any(_large(each) for each in value.values()) or "__proto__" in value
    if isinstance(value, list):
        return any(_large(each) for each in value)
    return isinstance(value, int | float) and abs(value) > 2**53


async def test_one_call_leaves_nothing_for_the_next(sandbox: Sandbox) -> None:
    leave = "import json\ndef main(input):\n    global left\n    left = 1\n    json.loads.x = 1"
    assert code_of(await run(sandbox, "python", leave)) == "code.error"
    assert code_of(await run(sandbox, "python", "def main(input): return left")) == "code.error"
    script = "globalThis.left = 1; Object.prototype.left = 1; function main() { return 1 }"
    assert (await run(sandbox, "javascript", script)).value == 1
    assert (await run(sandbox, "javascript", "function main() { return typeof left }")).value == "undefined"


async def test_a_killed_process_is_started_again() -> None:
    before = processes_below(os.getpid())
    async with Sandbox() as sandbox:
        assert (await run(sandbox, "python", ECHO["python"], 1)).value == 1
        made = processes_below(os.getpid()) - before
        launcher = next(pid for pid in made if processes_below(pid) | {pid} >= made & processes_below(os.getpid()))
        lost = asyncio.create_task(run(sandbox, "python", "def main(input):\n    while True: pass", timeout=30))
        while len(processes_below(launcher)) < 2:  # the zygote, and the call
            await asyncio.sleep(0.01)
        os.kill(launcher, signal.SIGKILL)
        assert code_of(await lost) == "code.ended"
        assert (await run(sandbox, "python", ECHO["python"], 2)).value == 2
    assert processes_below(os.getpid()) - before == set()


async def test_who_gives_up_leaves_no_child_and_no_place_taken(sandbox: Sandbox) -> None:
    assert (await run(sandbox, "python", ECHO["python"], 1)).value == 1
    before = processes_below(os.getpid())
    endless = "def main(input):\n    while True: pass"
    tasks = [asyncio.create_task(run(sandbox, "python", endless, timeout=100)) for _ in range(MOST_AT_ONCE + 4)]
    while len(processes_below(os.getpid()) - before) < MOST_AT_ONCE:
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (await run(sandbox, "python", ECHO["python"], 2)).value == 2
    while processes_below(os.getpid()) - before:
        await asyncio.sleep(0.01)


async def test_problems_of_sources_are_found_without_running_them(sandbox: Sandbox) -> None:
    found = await sandbox.problems(
        [
            ("python", "def main(input):\n    retrun 1"),
            ("python", "import os\nx.__class__\ndef main(input): pass"),
            ("javascript", "while (true) {}\nfunction main() {\n  let = = 1;\n}"),
            ("python", "while True: pass"),
            ("javascript", "for (;;);"),
            ("python", "(" * 5000),
            ("python", "-" * 30000 + "1"),
            ("python", "x = '\x00'"),
            ("javascript", "(" * 5000),
        ]
    )
    assert [[each.line for each in problems] for problems in found[:5]] == [[2], [1, 2], [3], [], []]
    assert all(found[5:])
