"""What commands print, and how they fail. One rule: people get tables and colour, pipes get plain text, ``--json`` gets JSON.

Results go to stdout; notes, progress and errors to stderr, so that a pipe holds the result alone. Rich is imported only
where a terminal gets a table.
"""

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, Protocol

import typer

CHILD_FAILED: Final = 3
"""Exit code of a process of the stack that can't run and told why in its last line, ``error: …``: don't try again."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
"""The parameter ``as_json: JsonOption = False`` of every command that prints."""


class CliError(Exception):
    """One sentence: what happened, where. ``hint`` says what to do, on a line of its own."""

    def __init__(self, message: str, hint: str | None = None, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class Progress(Protocol):
    """A counted task under way."""

    def advance(self, done: int = 1) -> None: ...


class Out:
    """The one printer of a command. ``as_json``: the caller asked for JSON; then only ``json()`` reaches stdout."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.fancy = sys.stdout.isatty() and not as_json

    def json(self, value: object) -> None:
        """One JSON value, indented on a terminal, one line in a pipe."""
        indent = 2 if sys.stdout.isatty() else None
        text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
        sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")

    def text(self, line: str = "") -> None:
        """A line of the result; nothing when JSON was asked for."""
        if not self.as_json:
            sys.stdout.write(_safe(line) + "\n")

    def note(self, line: str) -> None:
        """A line beside the result: what happens, what to type next."""
        sys.stderr.write(_safe(line) + "\n")

    def result(self, value: object, line: str) -> None:
        """``value`` where JSON was asked for, else ``line``."""
        if self.as_json:
            self.json(value)
        else:
            self.text(line)

    def fields(self, values: Mapping[str, object]) -> None:
        """One thing: its names and values, one a line, aligned."""
        width = max((len(name) for name in values), default=0)
        for name, value in values.items():
            self.text(f"{name.ljust(width)}  {cell(value)}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
        """Rows under their columns: a table on a terminal, tab-separated lines with a header in a pipe."""
        if self.as_json:
            return
        if not self.fancy:
            for row in (columns, *rows):
                self.text("\t".join(cell(value).replace("\t", " ") for value in row))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(Text(cell(value), style=_style(value)) for value in row))
        Console().print(table)

    @contextmanager
    def progress(self, label: str, total: int) -> Generator[Progress]:
        """A bar on stderr while the block runs, on a terminal; elsewhere nothing until the end's line."""
        if not sys.stderr.isatty() or self.as_json:
            counter = _Counter()
            yield counter
            self.note(f"{label}: {counter.done} of {total}")
            return
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=False) as bar:
            task = bar.add_task(label, total=total)
            yield _BarTask(lambda done: bar.advance(task, done))


class _Counter:
    def __init__(self) -> None:
        self.done = 0

    def advance(self, done: int = 1) -> None:
        self.done += done


class _Advance(Protocol):
    def __call__(self, done: int, /) -> None: ...


class _BarTask:
    def __init__(self, advance: _Advance) -> None:
        self._advance = advance

    def advance(self, done: int = 1) -> None:
        self._advance(done)


_STYLES = {
    "succeeded": "green",
    "running": "cyan",
    "passed": "green",
    "failed": "red",
    "timed_out": "red",
    "error": "red",
    "cancelled": "yellow",
    "waiting": "yellow",
    "warning": "yellow",
    "stopped": "yellow",
}


def _style(value: object) -> str:
    return _STYLES.get(value, "") if isinstance(value, str) else ""


def cell(value: object) -> str:
    """A value in one line: '-' for nothing, yes or no, compact JSON for a list or an object."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case str():
            return value.replace("\r", " ").replace("\n", " ")
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        case _:
            return str(value)


def _safe(line: str) -> str:
    """Without what would move the cursor or break the stream: data from outside must not write to the terminal."""
    kept = "".join(
        character if character.isprintable() or character in "\t\n" else "\N{REPLACEMENT CHARACTER}"
        for character in line
    )
    return kept.encode("utf-8", "replace").decode("utf-8")


def print_error(error: CliError) -> None:
    """The error as commands show it: ``error: sentence``, the hint below."""
    sys.stderr.write(_safe(f"error: {error.message}") + "\n")
    if error.hint:
        sys.stderr.write(_safe(f"  {error.hint}") + "\n")
