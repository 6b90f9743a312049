"""`chaos`: a stack of its own under load, hurt in every way by a seed, and then checked."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.loop import run
from server.cli.output import CliError, JsonOption, Out
from server.settings import load_settings

if TYPE_CHECKING:
    from chaos.parts import Part
    from chaos.play import Report


def register(app: typer.Typer) -> None:
    @app.command()
    def chaos(
        section: Annotated[str | None, typer.Argument(help="With --full: one part of it alone.")] = None,
        minutes: Annotated[
            float, typer.Option("--minutes", min=0.1, help="How long load and disturbances go on.")
        ] = 1.0,
        seed: Annotated[int | None, typer.Option("--seed", help="What is done, and in which order.")] = None,
        full: Annotated[
            bool, typer.Option("--full", help="All parts of the full proof; takes about an hour and a half.")
        ] = False,
        scale: Annotated[
            float, typer.Option("--scale", min=0.001, max=1.0, help="With --full: so much of each part, 0.1 a tenth.")
        ] = 1.0,
        failpoints: Annotated[bool, typer.Option("--failpoints", help="Only list the places that can fail.")] = False,
        keep: Annotated[bool, typer.Option("--keep", help="Keep the home of a play that violated something.")] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Kill, stop and cut off all parts of a stack under load, then check that nothing was lost, doubled or left. Exit code 1 if so."""
        from server.failpoints import places

        out = Out(as_json)
        if failpoints:
            out.result(list(places()), "\n".join(places()))
            return
        chosen = _chosen(section, full, minutes)
        given = secrets.randbelow(1_000_000) if seed is None else seed
        reports = run(_play(chosen, given, scale, out, keep))
        folder = load_settings().home / "chaos"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.json"
        told = [report.to_json() for report in reports]
        file.write_text(json.dumps(told, indent=2, default=str) + "\n", encoding="utf-8")
        if as_json:
            out.json(told)
        out.note(f"Kept in {file}")
        if not all(report.holds for report in reports):
            raise typer.Exit(1)


def _chosen(section: str | None, full: bool, minutes: float) -> list[Part]:
    from chaos.parts import PARTS, played
    from chaos.sections import mixed

    if section is None:
        return list(PARTS.values()) if full else [played(mixed(minutes * 60))]
    if section not in PARTS or not full:
        raise CliError(f"there is no part {section!r}", f"--full with one of {', '.join(PARTS)}")
    return [PARTS[section]]


async def _play(parts: list[Part], seed: int, scale: float, out: Out, keep: bool) -> list[Report]:
    # Told to stop, it takes its stack along, as for Ctrl-C.
    own = asyncio.current_task()
    assert own is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, own.cancel)
    reports: list[Report] = []
    kept = load_settings().home / "chaos" if keep else None
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    for part in parts:
        report = await part(seed, scale, out.note, kept)
        _show(report, out)
        reports.append(report)
    return reports


def _show(report: Report, out: Out) -> None:
    rows = [[line.what, line.count, line.bar, "" if line.holds else "VIOLATED"] for line in report.lines]
    out.table(("what", "count", "must be", ""), rows, title=f"{report.section}: {report.about}")
    for table in report.tables:
        out.table(table.columns, table.rows, title=table.title)
    if report.disturbances:
        out.table(
            ("second", "disturbance", "detail"), [[one.at_s, one.kind, one.detail] for one in report.disturbances]
        )
    if report.fired:
        out.table(("failpoint", "fired"), [[name, count] for name, count in report.fired.items()])
    if report.callers:
        answers = ", ".join(f"{count} x {answer}" for answer, count in report.answers.items())
        settled = "not all runs ended" if report.settled_s is None else f"all had ended {report.settled_s} s after"
        out.note(f"{report.callers} callers ({answers})")
        out.note(f"{report.seconds} s of load, {settled}; started anew {report.started_anew} times")
    out.note(f"{report.section}: seed {report.seed}, {report.seconds} s")
    for line in report.lines:
        if not line.holds:
            out.note(f"VIOLATED: {line.what}: {line.count}")
            for example in line.examples:
                out.note(f"    {example}")
    if not report.holds:
        again = "" if report.section == "mixed" else f"{report.section} --full "
        home = f"; its home is {report.kept}" if report.kept else ""
        out.note(f"Repeat it: millstream chaos {again}--seed {report.seed}{home}")
