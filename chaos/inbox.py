"""Webhooks while nobody can run them: Temporal and the worker are away, and what calls goes on calling.

Ten hooks are called ten times a second each, one call after another. Every call must be answered at once, since the sender of a webhook has
no patience; every answer must be kept once the rest is back; and what came by a hook begins in the order in which it came. Half of the hooks'
workflows run one run at a time, so their effects must be in that order too.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from chaos.checker import Line
from chaos.pages import everything
from chaos.play import Report, Say, Table, settle
from chaos.scene import flow, step
from chaos.stand import Stand, open_stand
from engine.expressions.values import Json

HOOKS, RATE, AWAY_S = 10, 100, 60.0
"""Events a second over all hooks."""
_LONGEST_S = 5.0
"""An answer that takes longer counts as none: it is what Slack and others wait at the least."""


@dataclass(slots=True)
class _Hook:
    name: str
    lined: bool
    """Whether its workflow runs one run at a time."""
    runs: list[str] = field(default_factory=list[str])
    """As they were answered, in the order of the calls."""
    took: list[float] = field(default_factory=list[float])
    wrong: list[str] = field(default_factory=list[str])


async def inbox(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """A hundred events a second for a minute, with Temporal and the worker away."""
    del keep
    seconds = max(2.0, AWAY_S * scale)
    about = f"{RATE} webhooks a second over {HOOKS} hooks for {seconds:g} s, without Temporal and worker"
    say(f"inbox: {about}")
    with tempfile.TemporaryDirectory(prefix="millstream-chaos-") as folder:
        async with open_stand(Path(folder) / "home") as stand:
            return await _on(stand, seed, seconds, about)


async def _on(stand: Stand, seed: int, seconds: float, about: str) -> Report:
    hooks = [_Hook(f"hook-{number}", number % 2 == 0) for number in range(HOOKS)]
    for hook in hooks:
        settings: Json = {"concurrency_key": "one"} if hook.lined else None
        document = flow(
            hook.name,
            "{{ input.n }}",
            entry="async",
            settings=settings,
            keep=step("core.set", values={"n": "{{ input.n }}"}),
        )
        (await stand.http.post("/workflows", json={"document": document})).raise_for_status()
        (await stand.http.post(f"/workflows/{hook.name}/deploy", json={"note": "chaos"})).raise_for_status()
    began = time.monotonic()
    async with stand.without("temporal"):
        stand.strike("worker")
        await asyncio.gather(*(_call(stand, hook, began + seconds) for hook in hooks))
        open_then = len([run for run in await everything(stand.http, "/runs") if run["finished_at"] is None])
    away = time.monotonic() - began
    settled = await settle(stand)
    runs = {str(run["run_id"]): run for run in await everything(stand.http, "/runs")}
    events = await everything(stand.http, "/inbox", kind="webhook")
    answered = [run for hook in hooks for run in hook.runs]
    wrong = [text for hook in hooks for text in hook.wrong]
    unrun = [run for run in answered if run not in runs or runs[run]["status"] != "succeeded"]
    entered = [hook.name for hook in hooks if hook.runs != sorted(hook.runs)]
    begun = {
        hook.name: _inversions([str(runs[run]["started_at"]) for run in hook.runs if run in runs]) for hook in hooks
    }
    took = sorted(second for hook in hooks for second in hook.took)
    lined = {hook.name for hook in hooks if hook.lined}
    return Report(
        section="inbox",
        about=about,
        seed=seed,
        seconds=round(away, 1),
        settled_s=None if settled is None else round(settled, 1),
        lines=[
            Line("webhooks answered 202 while Temporal and the worker were away", len(answered), None, least=math.floor(seconds * RATE * 0.8)),
            Line("calls without such an answer", len(wrong), 0, tuple(wrong[:5])),
            Line("runs open when they came back", open_then, len(answered)),
            Line("answered, and not run to a good end", len(unrun), 0, tuple(unrun[:5])),
            Line("runs that nobody was told of", len(runs) - len(set(answered))),
            Line("events of the inbox", len(events), len(answered)),
            Line("hooks whose runs were entered out of order", len(entered), 0, tuple(entered)),
            Line("runs begun out of order where one runs at a time", sum(begun[name] for name in lined)),
        ],
        tables=[
            Table(
                "inbox: answers while away",
                ("calls", "p50 ms", "p99 ms", "longest ms", "begun out of order where many run at a time"),
                [[len(took), _ms(statistics.median(took)), _ms(took[int(len(took) * 0.99)]), _ms(took[-1]), sum(begun.values())]],
            )
        ],
    )  # fmt: skip


async def _call(stand: Stand, hook: _Hook, until: float) -> None:
    """Each call at its time; the next one when that is answered, as one sender's are."""
    due, number = time.monotonic(), 0
    while due < until:
        await asyncio.sleep(due - time.monotonic())
        began = time.monotonic()
        try:
            answer = await stand.http.post(
                f"{stand.url}/hooks/main/{hook.name}/hook", json={"n": number}, timeout=_LONGEST_S
            )
        except httpx.HTTPError as error:
            hook.wrong.append(f"{hook.name} {number}: {error!r}")
        else:
            hook.took.append(time.monotonic() - began)
            if answer.status_code == 202:
                hook.runs.append(str(answer.json()["run_id"]))
            else:
                hook.wrong.append(f"{hook.name} {number}: {answer.status_code} {answer.text[:200]}")
        number += 1
        due += HOOKS / RATE


def _inversions(times: list[str]) -> int:
    """Neighbours of which the later one began first."""
    return sum(one > other for one, other in itertools.pairwise(times))


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 1)
