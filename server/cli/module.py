"""`millstream module`: the modules that this installation has, a new one, and the check of all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from server.cli.output import CliError, JsonOption, Out


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="The modules that workflows are built from.")
    nouns.command("list")(list_modules)
    nouns.command("new")(new)
    nouns.command("check")(check)
    app.add_typer(nouns, name="module")


def list_modules(as_json: JsonOption = False) -> None:
    """List all modules with their effect and what they do."""
    from modules.registry import load_registry
    from modules.sdk.declaration import Module
    from server.module_tools.manual import effect_text

    def first_sentence(module: Module) -> str:
        return module.manual.partition(". ")[0].removesuffix(".") + "."

    out, modules = Out(as_json), load_registry().all()
    if as_json:
        out.json(
            [
                {"module": each.name, "version": each.version, "title": each.title, "effect": effect_text(each)}
                for each in modules
            ]
        )
    out.table(
        ("module", "version", "effect", "what it does"),
        [(each.name, each.version, effect_text(each), first_sentence(each)) for each in modules],
    )


def new(
    name: Annotated[str, typer.Argument(help="APP.ACTION, such as crm.find", metavar="APP.ACTION")],
    effect: Annotated[str, typer.Option(help="What it does to the world outside: none, read or write.")] = "none",
    as_json: JsonOption = False,
) -> None:
    """Write a module and its test, to start from."""
    from server.module_tools.checking import ROOT
    from server.module_tools.scaffold import CannotWrite, write_module

    if effect not in ("none", "read", "write"):
        raise CliError(f"{effect!r} is not an effect", "it is none, read or write", exit_code=2)
    try:
        module, test = write_module(ROOT, name, effect)
    except CannotWrite as error:
        raise CliError(str(error)) from None
    out = Out(as_json)
    if as_json:
        out.json({"module": str(module), "test": str(test)})
    out.text(f"wrote {module.relative_to(ROOT)} and {test.relative_to(ROOT)}")
    out.note(
        f"next: edit them, then ./dev module check {module.relative_to(ROOT)} && ./dev test {test.relative_to(ROOT)}"
    )


def check(
    path: Annotated[Path | None, typer.Argument(help="A module's file, or an app's folder; all without it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check modules: their place, their source, their declaration, and that their example gives what it says."""
    from modules.registry import BrokenModule
    from server.module_tools.checking import check as check_modules

    out = Out(as_json)
    try:
        flaws, count = asyncio.run(check_modules(path))
    except BrokenModule as error:
        raise CliError(str(error)) from None
    if as_json:
        out.json({"modules": count, "flaws": [{"where": flaw.where, "message": flaw.message} for flaw in flaws]})
    for flaw in flaws:
        out.text(f"{flaw.where}: {flaw.message}")
    if flaws:
        raise CliError(f"{len(flaws)} flaw{'s' if len(flaws) != 1 else ''} in {count} modules")
    out.text(f"{count} module{'s' if count != 1 else ''} checked, no flaws")
