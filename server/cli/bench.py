"""`bench`: Millstream beside hand-written Temporal workflows, on the same servers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from server.cli.loop import run
from server.cli.output import CliError, JsonOption, Out
from server.settings import load_settings


def register(app: typer.Typer) -> None:
    @app.command()
    def bench(
        quick: Annotated[bool, typer.Option("--quick", help="3 pairs instead of 7.")] = False,
        rows: Annotated[str | None, typer.Option("--rows", help="Names of rows, as R1,R3.")] = None,
        pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="Pairs for each row.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Measure documents beside hand-written Temporal workflows, in turn, on a stack of its own. Prints ratios."""
        names = [name.strip() for name in rows.split(",")] if rows else None
        report = run(_bench(names, pairs or (3 if quick else 7), Out(as_json)))
        out = Out(as_json)
        kept = load_settings().home / "bench"
        kept.mkdir(parents=True, exist_ok=True)
        file = kept / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        if as_json:
            out.json(report)
        out.note(f"Kept in {file}")


async def _bench(names: list[str] | None, pairs: int, out: Out) -> dict[str, object]:
    from bench.measure import compare
    from bench.rows import ROWS
    from bench.stand import machine, stand

    chosen = [each for each in ROWS if names is None or each.row.name in names]
    if names is not None and (unknown := sorted(set(names) - {each.row.name for each in ROWS})):
        known = ", ".join(each.row.name for each in ROWS)
        raise CliError(f"there is no row {unknown[0]!r}", f"the rows are {known}")
    outcomes: list[dict[str, object]] = []
    async with stand() as place:
        with out.progress("Measuring", len(chosen)) as progress:
            for each in chosen:
                outcome = await compare(each.row, *await place.sides(each), pairs)
                outcomes.append(outcome.to_json())
                progress.advance()
    columns = ("row", "work", "beside", "ours", "theirs", "unit", "ratio", "low", "high", "goal", "met")
    out.table(columns, [[row[column] for column in columns] for row in outcomes])
    return {"machine": machine(), "rows": outcomes}
