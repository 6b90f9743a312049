"""Parts of the full proof that need PostgreSQL alone, each over a server of its own that is gone afterwards."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from chaos.checker import Line
from chaos.play import Report, Say, Table
from chaos.scale import queues
from chaos.scale.claims import claims
from chaos.scale.figures import Row, p50, p95
from chaos.scale.lists import lists
from chaos.scale.queues import Figures, Load
from db.migrate import migrate
from server.embedded.postgres import EmbeddedPostgres, PostgresPlace

_BAR = 1.5
"""How many times longer a 95th percentile may be beside a backlog."""
_NOISE_S = 0.001
"""A longer one by less than this isn't judged."""


@asynccontextmanager
async def _server() -> AsyncGenerator[str]:
    """The URL of a migrated database."""
    with tempfile.TemporaryDirectory(prefix="millstream-scale-") as folder:
        server = EmbeddedPostgres(PostgresPlace.under(Path(folder)))
        child = await server.start()
        try:
            await migrate(server.url)
            yield server.url
        finally:
            await server.stop(child)


async def order(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """32 producers, 8 claimers, 1,000 keys."""
    del keep
    load = Load(items=max(1_000, round(200_000 * scale)), seed=seed)
    about = (
        f"{load.producers} producers x {load.claimers} claimers x {load.keys:,} keys, {load.items:,} items, "
        f"{load.slow:.0%} of the calls slow to commit"
    )
    say(f"order: {about}; seed {seed}")
    async with _server() as url:
        return _told("order", about, seed, await queues.order(url, load))


async def poison(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """1 % of the items fail whatever run holds them."""
    del keep
    load = Load(items=max(1_000, round(20_000 * scale)), seed=seed)
    about = f"1 % of {load.items:,} items are poison, found by halving"
    say(f"poison: {about}; seed {seed}")
    async with _server() as url:
        return _told("poison", about, seed, await queues.poison(url, load))


def _told(section: str, about: str, seed: int, found: Figures) -> Report:
    lines = [Line(what, count) for what, count in found.wrong.items()]
    lines.append(Line("figures that differ from the items", len(found.faults), 0, tuple(found.faults[:5])))
    rows: list[list[object]] = [
        ["items", found.items],
        ["put, items/s", round(found.items / found.put_s)],
        ["handed out and ended, items/s", round(found.items / found.seconds)],
        ["runs", found.runs],
        ["of these failed", found.failed_runs],
        ["claims lost by their holder", found.lost_claims],
        ["stale claims refused", found.stale_refused],
    ]
    if found.claim_p95_ms:
        rows.append(["claim p50, ms", round(found.claim_p50_ms, 2)])
        rows.append(["claim p95, ms", round(found.claim_p95_ms, 2)])
    return Report(
        section=section,
        about=about,
        seed=seed,
        seconds=round(found.seconds, 1),
        lines=lines,
        tables=[Table(f"{section}: figures", ("what", "figure"), rows)],
    )


async def backlog(seed: int, scale: float, say: Say, keep: Path | None) -> Report:
    """Claims, acceptance, ends and lists beside many queued runs and a long log, and on an almost empty database."""
    del keep
    queued, logs = max(1_000, round(100_000 * scale)), max(3_000, round(1_000_000 * scale))
    about = f"{queued:,} queued runs and {logs:,} log rows, beside an almost empty database"
    say(f"backlog: {about}")
    began = time.monotonic()
    async with _server() as url:
        rows = [*await claims(url, queued, logs), *await lists(url, queued, logs)]
    return Report(
        section="backlog",
        about=about,
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
        lines=[_within(row) for row in rows],
        tables=[
            Table(
                "backlog: milliseconds",
                ("what", "empty p50", "empty p95", "full p50", "full p95", "p50 ratio", "p95 ratio"),
                [_figures(row) for row in rows],
            )
        ],
    )


def _within(row: Row) -> Line:
    """A ratio of times below a millisecond's difference says nothing: that much any other process costs."""
    above = row.ratio > _BAR and p95(row.full) - p95(row.empty) > _NOISE_S
    if not row.alike:
        return Line(f"{row.name}: above {_BAR} times, with more rows in the page", int(above), None)
    return Line(f"{row.name}: above {_BAR} times", int(above), 0, (f"ratio {row.ratio:.2f}",) if above else ())


def _figures(row: Row) -> list[object]:
    times = [p50(row.empty), p95(row.empty), p50(row.full), p95(row.full)]
    return [row.name, *(round(one * 1e3, 2) for one in times), round(times[2] / times[0], 2), round(row.ratio, 2)]
