"""`runs cancel` and `runs replay`: of one run by its id, of many by a filter.

Many go in pages of the API, after a look over all of them: what is counted and which writes happen again is shown before anybody is asked. A
replay has a name, its operation: a command that was cut short is given again with `--operation` and replays no run twice.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, cast

import typer

from server.cli.client import connect
from server.cli.documents import read_json
from server.cli.output import CliError, JsonOption, Out

if TYPE_CHECKING:
    from server.cli.client import Api, JsonObject

RunId = Annotated[str, typer.Argument(help="The run's id.")]
_MaybeRunId = Annotated[str | None, typer.Argument(help="The run's id; without one, filters say which runs.")]
_Workflow = Annotated[str | None, typer.Option("--workflow", help="Of many: name or id.")]
_Status = Annotated[str | None, typer.Option("--status", help="Of many: as failed, or several: failed,timed_out.")]
_Trigger = Annotated[str | None, typer.Option("--trigger", help="Of many: the trigger's type.")]
_Since = Annotated[str | None, typer.Option("--from", help="Of many: accepted at or after, RFC 3339.")]
_Until = Annotated[str | None, typer.Option("--to", help="Of many: accepted before, RFC 3339.")]
_Query = Annotated[str | None, typer.Option("--query", "-q", help="Of many: words of inputs, outputs, errors.")]
_All = Annotated[bool, typer.Option("--all", help="Of many: all runs of the workspace, where no filter is given.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def register_bulk(nouns: typer.Typer) -> None:
    """Add both commands to `runs`."""

    @nouns.command()
    def cancel(
        run_id: _MaybeRunId = None,
        workflow: _Workflow = None,
        status: _Status = None,
        trigger: _Trigger = None,
        since: _Since = None,
        until: _Until = None,
        query: _Query = None,
        everything: _All = False,
        dry_run: _DryRun = False,
        yes: _Yes = False,
        as_json: JsonOption = False,
    ) -> None:
        """Stop a run, or all that filters find: their `finally` slots still run."""
        filters = _filters(workflow, status, trigger, since, until, query)
        out = Out(as_json)
        if run_id is not None:
            _alone(filters, everything, dry_run)
            found = connect().post(f"/runs/{run_id}/cancel")
            out.result(found, f"{run_id} is {found['status']}.")
            return
        _many(connect(), "/runs/cancel", {**_chosen(filters, everything)}, out, dry_run=dry_run, yes=yes)

    @nouns.command()
    def replay(
        run_id: _MaybeRunId = None,
        from_step: Annotated[str | None, typer.Option("--from-step", help="A step's path, as each[3].line.")] = None,
        given: Annotated[str | None, typer.Option("--input", help="Another input: JSON, or @file.")] = None,
        version: Annotated[str | None, typer.Option("--version", help="A number, deployed or draft.")] = None,
        keys: Annotated[str | None, typer.Option("--keys", help="same: keep the idempotency keys.")] = None,
        workflow: _Workflow = None,
        status: _Status = None,
        trigger: _Trigger = None,
        since: _Since = None,
        until: _Until = None,
        query: _Query = None,
        everything: _All = False,
        operation: Annotated[
            str | None, typer.Option("--operation", help="Of many: the name under which no run is replayed twice.")
        ] = None,
        dry_run: _DryRun = False,
        yes: _Yes = False,
        as_json: JsonOption = False,
    ) -> None:
        """Run it again as a new run, whole or from a step; or all that filters find."""
        body: JsonObject = {"from_step": from_step} if from_step else {}
        if given is not None:
            body["input"] = read_json(given)
        if version is not None:
            body["version"] = int(version) if version.isdigit() else version
        if keys is not None:
            body["keys"] = keys
        filters = _filters(workflow, status, trigger, since, until, query)
        out = Out(as_json)
        if run_id is not None:
            _alone(filters, everything, dry_run)
            found = connect().post(f"/runs/{run_id}/replay", body)
            out.result(found, str(found["run_id"]))
            return
        if operation is not None:
            body["operation"] = operation
        _many(connect(), "/runs/replay", {**body, **_chosen(filters, everything)}, out, dry_run=dry_run, yes=yes)


def _filters(
    workflow: str | None,
    status: str | None,
    trigger: str | None,
    since: str | None,
    until: str | None,
    query: str | None,
) -> JsonObject:
    given = {"workflow": workflow, "status": status, "trigger": trigger, "from": since, "to": until, "q": query}
    return {name: value for name, value in given.items() if value is not None}


def _alone(filters: JsonObject, everything: bool, dry_run: bool) -> None:
    if filters or everything or dry_run:
        raise CliError(
            "a run's id and filters can't be given together", "leave the id out to mean all runs that the filters find"
        )


def _chosen(filters: JsonObject, everything: bool) -> JsonObject:
    if not filters and not everything:
        raise CliError("which runs are meant?", "give a run's id, or filters as --workflow and --status, or --all")
    return {"filter": filters, "all": everything}


def _many(api: Api, path: str, body: JsonObject, out: Out, *, dry_run: bool, yes: bool) -> None:
    """A look at all pages; then, unless somebody minds, all pages for real."""
    seen = _pages(api, path, {**body, "dry_run": True})
    doing = path.rpartition("/")[2]
    if not out.as_json:
        _show(
            out,
            seen,
            f"{seen['count']} runs would be {doing}ed."
            if doing == "replay"
            else f"{seen['count']} runs would be cancelled.",
        )
    if dry_run or not seen["count"]:
        if out.as_json:
            out.json(seen)
        return
    if not yes and not sys.stdin.isatty():
        raise CliError("nobody is there to be asked", "say --yes to do it, --dry-run to look only")
    if not yes and not typer.confirm(f"{doing.title()} {seen['count']} runs?", err=True):
        raise typer.Abort
    if doing == "replay":
        body["operation"] = seen["operation"]
        out.note(f"operation {seen['operation']}: if this is cut short, give --operation {seen['operation']} to go on")
    done = _pages(api, path, body)
    out.result(done, f"{done['count']} runs were {'replayed' if doing == 'replay' else 'told to end'}.")


def _pages(api: Api, path: str, body: JsonObject) -> JsonObject:
    """All pages as one answer."""
    effects: Counter[tuple[str, str, str, str]] = Counter()
    run_ids: list[object] = []
    failed: list[object] = []
    page: JsonObject = {}
    while not page or page["next_cursor"] is not None:
        page = api.post(path, {**body, **({"cursor": page["next_cursor"]} if page else {})})
        if "operation" in page:
            body = {**body, "operation": page["operation"]}
        for one in cast("list[dict[str, str]]", page["effects"]):
            effects[one["workflow"], one["module"], one["step"], one["keys"]] += int(one["count"])
        run_ids += cast("list[object]", page["run_ids"])
        failed += cast("list[object]", page.get("failed", []))
    told = [
        {"workflow": workflow, "module": module, "step": step, "count": count, "keys": keys}
        for (workflow, module, step, keys), count in sorted(effects.items())
    ]
    found = {"count": len(run_ids), "effects": told, "run_ids": run_ids}
    return cast(
        "JsonObject", found | ({"operation": page["operation"], "failed": failed} if "operation" in page else {})
    )


def _show(out: Out, seen: JsonObject, line: str) -> None:
    out.text(line)
    effects = cast("list[dict[str, object]]", seen["effects"])
    if effects:
        out.text("Writes that would happen again:")
        columns = ("workflow", "step", "module", "count", "keys")
        out.table(columns, [[one[column] for column in columns] for one in effects])
    failed = Counter(one["detail"] for one in cast("list[dict[str, str]]", seen.get("failed", [])))
    for detail, count in failed.most_common(10):
        out.text(f"{count} left out: {detail}")
