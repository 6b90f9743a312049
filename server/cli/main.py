"""The command line ``millstream``. Each noun is a file beside this one with ``register(app)``: a new one changes nothing here.

A noun's file imports what is heavy inside its commands, since all files are imported for each command. How a command
ends: 0, done; 1, a CliError's sentence; 2, wrongly called; 3, see ``CHILD_FAILED``; 70, a fault of ours, with the
traceback in a file; 130, interrupted.
"""

import importlib
import os
import pkgutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

import typer
from typer.main import get_command

import server.cli
from server.cli.output import CliError, print_error
from server.settings import SettingsError, load_settings

_FAULT = 70
_NOT_NOUNS = frozenset(
    {"change_set", "main", "output", "client", "data_keys", "database", "loop", "documents", "runs_bulk"}
)


class _Noun(Protocol):
    def register(self, app: typer.Typer) -> None: ...


def build() -> typer.Typer:
    """The application with all commands, in the order of their files' names."""
    app = typer.Typer(
        name="millstream",
        help="An engine for business workflows: versioned documents, executed durably, with a log that explains.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def millstream() -> None:  # pyright: ignore[reportUnusedFunction] - typer keeps it
        """An engine for business workflows: versioned documents, executed durably, with a log that explains."""

    for found in sorted(pkgutil.iter_modules(server.cli.__path__), key=lambda module: module.name):
        if found.name not in _NOT_NOUNS:
            noun = cast(_Noun, importlib.import_module(f"server.cli.{found.name}"))
            noun.register(app)
    return app


def run(arguments: Sequence[str], app: typer.Typer | None = None) -> int:
    """Carry out one command line of ``app`` (ours unless given) and return the exit code. Nothing is raised."""
    try:
        code: object = get_command(build() if app is None else app).main(
            list(arguments), prog_name="millstream", standalone_mode=False
        )
    except CliError as error:
        print_error(error)
        return error.exit_code
    except SettingsError as error:
        print_error(CliError(str(error), "each setting stands in docs/settings.md"))
        return 1
    except typer.TyperException as error:
        return _misused(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough. Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _fault(error, arguments)
    return code if isinstance(code, int) else 0


def _misused(error: typer.TyperException) -> int:
    """A call that the command line doesn't know: help where something is missing, else a sentence with the nearest name."""
    context = cast("typer.Context | None", getattr(error, "ctx", None))
    kind = type(error).__name__
    if context is not None and kind == "NoArgsIsHelpError":
        # Its message is the help; empty when it went to the terminal already.
        sys.stdout.write(error.message.rstrip() + "\n" if error.message else "")
        return 0 if context.parent is None else 2
    message = error.format_message().rstrip(".")
    if context is not None and (kind == "MissingParameter" or message == "Missing command"):
        sys.stderr.write(context.get_help().rstrip() + "\n\n")
        print_error(CliError(message[:1].lower() + message[1:]))
        return 2
    hint = f"see: {context.command_path} --help" if context is not None else None
    print_error(CliError(message[:1].lower() + message[1:], hint))
    return 2


def _fault(error: Exception, arguments: Sequence[str]) -> int:
    trace = "".join(traceback.format_exception(error))
    try:
        settings = load_settings()
        debug, folder = settings.log_level == "debug", settings.home / "logs"
    except SettingsError:
        debug, folder = False, None
    if debug:
        sys.stderr.write(trace)
    where = _kept(trace, folder, arguments)
    print_error(
        CliError(
            f"{type(error).__name__}: {error}".rstrip(": "),
            f"this is a fault of Millstream's; its traceback is in {where}",
        )
    )
    return _FAULT


def _kept(trace: str, folder: Path | None, arguments: Sequence[str]) -> str:
    place = folder if folder is not None and os.access(folder, os.W_OK) else Path(tempfile.gettempdir())
    file = place / f"millstream-fault-{os.getpid()}.log"
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8"
    ) as out:
        # The command's name alone: arguments may hold data of the user's.
        out.write(f"{datetime.now(UTC).isoformat()} millstream {arguments[0] if arguments else ''}\n{trace}")
    return str(file)


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
