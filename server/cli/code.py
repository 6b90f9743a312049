"""`code`: a piece of code for a step, tried against sample input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.documents import read_json
from server.cli.output import CliError, JsonOption, Out

if TYPE_CHECKING:
    from engine.expressions.values import Json
    from server.cli.client import JsonObject

_LANGUAGES = {".py": "python", ".js": "javascript"}


def register(app: typer.Typer) -> None:
    @app.command()
    def code(
        file: Annotated[Path, typer.Argument(help="Code that defines main(input): a .py or .js file.")],
        given: Annotated[str | None, typer.Option("--input", help="The input: JSON, or @file.")] = None,
        timeout: Annotated[float, typer.Option("--timeout", help="Seconds.")] = 10.0,
        memory: Annotated[int, typer.Option("--memory", help="MiB.")] = 128,
        as_json: JsonOption = False,
    ) -> None:
        """Run a piece of code as a step would, and print what it gives. Needs no running stack. The exit code is 1 if it fails."""
        language = _LANGUAGES.get(file.suffix)
        if language is None:
            raise CliError(f"{str(file)!r} is neither Python nor JavaScript", "name it .py or .js")
        try:
            source = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{str(file)!r} can't be read ({error})") from error
        value = None if given is None else read_json(given)
        tried = _try({"language": language, "source": source, "input": value, "timeout": timeout, "memory_mb": memory})
        _show(Out(as_json), tried, file)
        if "error" in tried:
            raise typer.Exit(1)


def _try(request: JsonObject) -> JsonObject:
    from engine.problems import Problem
    from engine.sandbox.sandbox import Sandbox
    from engine.sandbox.trying import try_code
    from server.cli.loop import run

    async def tried() -> JsonObject:
        async with Sandbox() as sandbox:
            return await try_code(sandbox, request)

    try:
        return run(tried())
    except Problem as problem:
        raise CliError(problem.detail) from problem


def _show(out: Out, tried: JsonObject, file: Path) -> None:
    if out.as_json:
        out.json(tried)
        return
    logs: Json = tried["logs"]
    for line in logs if isinstance(logs, list) else []:
        if isinstance(line, dict):
            out.note(str(line["message"]))
    error = tried.get("error")
    if isinstance(error, dict):
        out.note(f"{file}: {error['message']}  [{error['code']}]")
    else:
        out.json(tried["value"])
