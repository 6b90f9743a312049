"""`schedules`: when workflows are due by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.client import connect
from server.cli.output import JsonOption, Out

if TYPE_CHECKING:
    from server.cli.client import JsonObject

ScheduleId = Annotated[str, typer.Argument(help="The schedule's id.", metavar="SCHEDULE")]


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Schedules: when workflows are due, pause, resume, make up for.")
    app.add_typer(nouns, name="schedules")

    @nouns.command(name="list")
    def list_(
        workflow: Annotated[str | None, typer.Option("--workflow", help="Its name or id.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """Schedules of deployed workflows, the newest first."""
        found, out = connect().items("/schedules", {"workflow": workflow}, most=limit), Out(as_json)
        if as_json:
            out.json(found)
        columns = ("schedule_id", "workflow", "trigger", "times", "next", "reason")
        out.table(columns, [_row(schedule) for schedule in found])

    @nouns.command()
    def show(schedule: ScheduleId, as_json: JsonOption = False) -> None:
        """One schedule, with its next ten times."""
        _shown(connect().get(_path(schedule)), as_json)

    @nouns.command()
    def pause(
        schedule: ScheduleId,
        reason: Annotated[str | None, typer.Option("--reason", help="For those who wonder.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """No time comes until it is resumed."""
        _shown(connect().post(f"{_path(schedule)}/pause", {"reason": reason}), as_json)

    @nouns.command()
    def resume(schedule: ScheduleId, as_json: JsonOption = False) -> None:
        """It goes on; what passed meanwhile is not made up for."""
        _shown(connect().post(f"{_path(schedule)}/resume"), as_json)

    @nouns.command()
    def backfill(
        schedule: ScheduleId,
        since: Annotated[str, typer.Option("--from", help="The first time, RFC 3339.")],
        until: Annotated[str, typer.Option("--to", help="The last time, RFC 3339.")],
        overlap: Annotated[
            str | None, typer.Option("--overlap", help="skip, buffer_one, buffer_all, cancel_other or allow_all.")
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Its times in that span as if they came now, each once."""
        body: JsonObject = {"from": since, "to": until}
        if overlap is not None:
            body["overlap"] = overlap
        found, out = connect().post(f"{_path(schedule)}/backfill", body), Out(as_json)
        if as_json:
            out.json(found)
        times = found["times"]
        for time in times if isinstance(times, list) else ():
            out.text(str(time))


def _row(schedule: JsonObject) -> list[object]:
    to_come = schedule["next"]
    first = to_come[0] if isinstance(to_come, list) and to_come else "paused"
    return [
        schedule["schedule_id"],
        schedule["workflow"],
        schedule["trigger"],
        _times(schedule),
        first,
        schedule["reason"],
    ]


def _times(schedule: JsonObject) -> str:
    if schedule["cron"] is None:
        return f"every {schedule['every']:g} s"
    return f"{schedule['cron']} {schedule['timezone']}"


def _shown(schedule: JsonObject, as_json: bool) -> None:
    out = Out(as_json)
    if as_json:
        out.json(schedule)
    out.fields({name: value for name, value in schedule.items() if name != "next"})
    to_come = schedule["next"]
    for time in to_come if isinstance(to_come, list) else ():
        out.text(f"next: {time}")


def _path(schedule: str) -> str:
    return f"/schedules/{quote(schedule, safe='')}"
