"""`runs`: list, show, step log, pin, watch. Cancel and replay, of one run or of many, are in `runs_bulk`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.client import connect
from server.cli.output import JsonOption, Out, cell
from server.cli.runs_bulk import RunId, register_bulk

if TYPE_CHECKING:
    from engine.expressions.values import Json
    from server.cli.client import JsonObject


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Runs: list, show, step log, cancel, replay, pin, watch.")
    app.add_typer(nouns, name="runs")
    register_bulk(nouns)

    @nouns.command(name="list")
    def list_(
        workflow: Annotated[str | None, typer.Option("--workflow", help="Name or id.")] = None,
        status: Annotated[str | None, typer.Option("--status", help="As failed, or several: failed,timed_out.")] = None,
        query: Annotated[str | None, typer.Option("--query", "-q", help="Words of inputs, outputs, errors.")] = None,
        pinned: Annotated[bool | None, typer.Option("--pinned/--not-pinned", help="Pinned ones, or none.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """The newest runs first."""
        filters = {
            "workflow": workflow,
            "status": status,
            "q": query,
            "pinned": None if pinned is None else str(pinned).lower(),
        }
        found = connect().items("/runs", filters, most=limit)
        if as_json:
            Out(True).json(found)
        show_runs(Out(as_json), found)

    @nouns.command()
    def show(run_id: RunId, as_json: JsonOption = False) -> None:
        """One run: its state, what it waits for, its input, output and error."""
        found = connect().get(f"/runs/{run_id}")
        if as_json:
            Out(True).json(found)
        else:
            show_run(Out(), found)

    @nouns.command()
    def steps(run_id: RunId, as_json: JsonOption = False) -> None:
        """The step log: one row for each attempt of each step."""
        found = connect().items(f"/runs/{run_id}/steps", most=100_000)
        if as_json:
            Out(True).json(found)
        show_steps(Out(as_json), found)

    @nouns.command()
    def pin(
        run_id: RunId,
        reason: Annotated[str | None, typer.Option("--reason", help="Why it is to be kept.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Keep a run, whatever its retention says, until it is unpinned."""
        found = connect().post(f"/runs/{run_id}/pin", {"reason": reason})
        Out(as_json).result(found, f"{run_id} is kept until it is unpinned.")

    @nouns.command()
    def unpin(run_id: RunId, as_json: JsonOption = False) -> None:
        """Let a run go at its time again."""
        found = connect().post(f"/runs/{run_id}/unpin")
        Out(as_json).result(found, f"{run_id} goes at its time.")

    @nouns.command()
    def watch(run_id: RunId, as_json: JsonOption = False) -> None:
        """Follow a run until it ends. The exit code is 1 unless it succeeds."""
        out, last = Out(as_json), ""
        for event in connect().events(f"/runs/{run_id}/events"):
            data = event.data if isinstance(event.data, dict) else {}
            if as_json:
                out.json({"event": event.event, "id": event.id, "data": event.data})
            elif event.event == "step":
                out.text(f"{data.get('status'):<10} {data.get('path')} (attempt {data.get('attempt')})")
            elif event.event in ("run", "end") and data.get("status") != last:
                out.text(f"{data.get('status'):<10} run")
            last = str(data.get("status")) if event.event in ("run", "end") else last
        if last not in ("succeeded", ""):
            raise typer.Exit(1)


def show_runs(out: Out, runs: list[JsonObject]) -> None:
    """A table of runs."""
    columns = ("run", "workflow", "version", "status", "trigger", "queued at", "duration", "error")
    out.table(columns, [[*_run_cells(run)] for run in runs])


def _run_cells(run: JsonObject) -> tuple[object, ...]:
    trigger = run.get("trigger")
    error = run.get("error")
    return (
        run["run_id"],
        run["workflow"],
        run["version"],
        run["status"],
        trigger.get("type") if isinstance(trigger, dict) else None,
        run["queued_at"],
        _duration(run.get("started_at") or run["queued_at"], run["finished_at"]),
        error.get("code") if isinstance(error, dict) else None,
    )


def show_run(out: Out, run: JsonObject) -> None:
    """One run, a line for each of its members that says something."""
    shown = {name: run.get(name) for name in ("run_id", "workflow", "version", "status", "queued_at", "started_at")}
    shown["finished_at"] = run.get("finished_at")
    shown["duration"] = _duration(run.get("started_at"), run.get("finished_at"))
    shown |= {
        name: run[name]
        for name in ("replay_of", "parent_run_id", "pinned", "error", "output", "input")
        if run.get(name)
    }
    out.fields(shown)
    waits = run.get("waiting_for")
    for wait in waits if isinstance(waits, list) else []:
        if isinstance(wait, dict):
            until = f" until {wait['until']}" if wait.get("until") else ""
            out.text(f"waits for {wait['kind']}: {wait['reason']}{until}")


def show_steps(out: Out, steps: list[JsonObject]) -> None:
    """The step log as a table; data is cut to what a line holds."""
    columns = ("path", "module", "attempt", "status", "handle", "ms", "output or error")
    rows: list[list[object]] = []
    for step in steps:
        error = step.get("error")
        said: Json = f"{error.get('code')}: {error.get('message')}" if isinstance(error, dict) else step.get("output")
        duration = step.get("duration_ms")
        rows.append(
            [
                step["path"],
                step["module"],
                step["attempt"],
                step["status"],
                step.get("handle"),
                round(duration, 1) if isinstance(duration, int | float) else None,
                _short(said),
            ]
        )
    out.table(columns, rows)


def _short(value: Json, most: int = 80) -> str:
    text = cell(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def _duration(start: Json, end: Json) -> str | None:
    if not isinstance(start, str) or not isinstance(end, str):
        return None
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
