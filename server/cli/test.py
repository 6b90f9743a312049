"""`test`: a document's own tests, with simulated effects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.client import connect
from server.cli.output import CliError, JsonOption, Out, cell

if TYPE_CHECKING:
    from server.cli.client import JsonObject


def register(app: typer.Typer) -> None:
    @app.command()
    def test(
        target: Annotated[str, typer.Argument(help="A workflow's name, or a file.")],
        version: Annotated[str, typer.Option("--version", help="draft, deployed or a number.")] = "draft",
        as_json: JsonOption = False,
    ) -> None:
        """Run the tests that stand in the document. A file needs no running stack. The exit code is 1 if one fails."""
        file = Path(target)
        if file.suffix in {".yaml", ".yml", ".json"} or file.is_file():
            report = _test_file(file)
        else:
            chosen: int | str = int(version) if version.isdigit() else version
            report = connect().post(f"/workflows/{target}/test", {"version": chosen})
        out = Out(as_json)
        if as_json:
            out.json(report)
        _show(out, report)
        if report["failed"]:
            raise typer.Exit(1)


def _test_file(file: Path) -> JsonObject:
    from engine.problems import Problem
    from engine.runs.offline import test_document
    from server.cli.documents import read_document
    from server.cli.loop import run

    try:
        return run(test_document(read_document(file)))
    except Problem as problem:
        raise CliError(problem.detail, f"see all findings: millstream validate {file}") from problem


def _show(out: Out, report: JsonObject) -> None:
    results = report["results"]
    for result in results if isinstance(results, list) else []:
        if not isinstance(result, dict):
            continue
        out.text(f"{'passed' if result['passed'] else 'FAILED'}  {result['name']}")
        failures = result["failures"]
        for failure in failures if isinstance(failures, list) else []:
            if isinstance(failure, dict):
                out.text(f"        {failure['path']}: expected {cell(failure['expected'])}, got {cell(failure['got'])}")
    out.text(f"{report['passed']} passed, {report['failed']} failed")
