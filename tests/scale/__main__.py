"""Figures at scale: `python -m tests.scale claim|list|all [--queued N] [--logs M]`, over a PostgreSQL of its own that is gone afterwards.

Each figure is measured twice in the same server, on an almost empty database and beside the backlog, in turn, and told with its ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from db.migrate import migrate
from server.embedded.postgres import EmbeddedPostgres, PostgresPlace
from tests.scale.claims import claims
from tests.scale.figures import Row, table
from tests.scale.lists import lists

FIGURES: dict[str, Callable[[str, int, int], Awaitable[list[Row]]]] = {"claim": claims, "list": lists}
"""By name: measures over the server's URL, with that many queued runs and log rows."""


async def measured(names: list[str], queued: int, logs: int) -> list[Row]:
    """Every row of those figures."""
    with tempfile.TemporaryDirectory(prefix="millstream-scale-") as folder:
        server = EmbeddedPostgres(PostgresPlace.under(Path(folder)))
        child = await server.start()
        try:
            await migrate(server.url)
            return [row for name in names for row in await FIGURES[name](server.url, queued, logs)]
        finally:
            await server.stop(child)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("figure", choices=[*FIGURES, "all"])
    parser.add_argument("--queued", type=int, default=100_000, help="runs that wait to start")
    parser.add_argument("--logs", type=int, default=1_000_000, help="rows in the logs of ended runs")
    given = parser.parse_args()
    names = list(FIGURES) if given.figure == "all" else [given.figure]
    print(table(asyncio.run(measured(names, given.queued, given.logs))))


if __name__ == "__main__":
    main()
