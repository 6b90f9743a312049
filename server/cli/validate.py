"""`validate`: what is wrong with a document, told without a running stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.documents import parse_file
from server.cli.output import JsonOption, Out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.expressions.values import Json
    from engine.spec.finding import Finding
    from modules.registry import Registry


def register(app: typer.Typer) -> None:
    @app.command()
    def validate(
        file: Annotated[Path, typer.Argument(help="A document, JSON or YAML.")],
        as_json: JsonOption = False,
    ) -> None:
        """Say what is wrong with a document, and what to do. Nothing is run or stored. The exit code is 1 if there are errors."""
        findings = _findings(file)
        errors = sum(finding.severity == "error" for finding in findings)
        out = Out(as_json)
        if as_json:
            out.json({"findings": [finding.to_json() for finding in findings]})
        _show(out, file, findings, errors)
        if errors:
            raise typer.Exit(1)


def _findings(file: Path) -> Sequence[Finding]:
    from engine.spec.upgrade import upgrade
    from engine.spec.validate import validate
    from modules.registry import load_registry

    parsed = parse_file(file)
    document, registry = upgrade(parsed.document), load_registry()
    return (*parsed.findings, *validate(document, registry, None), *_of_code(document, registry))


def _of_code(document: Json, registry: Registry) -> Sequence[Finding]:
    """What is wrong with the code in it; a sandbox is started only where there is any."""
    from engine.sandbox.findings import CodeFindings
    from engine.sandbox.sandbox import Sandbox
    from server.cli.loop import run

    async def found() -> Sequence[Finding]:
        async with Sandbox() as sandbox:
            return await CodeFindings(sandbox, registry).of(document)

    return run(found())


def _show(out: Out, file: Path, findings: Sequence[Finding], errors: int) -> None:
    for finding in findings:
        out.text(f"{finding.severity}  {finding.path or '(document)'}: {finding.message}  [{finding.code}]")
        if finding.hint is not None:
            out.text(f"         {finding.hint}")
    if errors:
        out.text(
            f"{file}: {errors} error{'' if errors == 1 else 's'}; a draft may have them, a deployed version may not"
        )
    else:
        out.text(f"{file}: no errors")
