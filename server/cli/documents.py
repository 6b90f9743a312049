"""Documents named on the command line: a file of JSON or YAML, read by the same reader as everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from server.cli.output import CliError

if TYPE_CHECKING:
    from engine.expressions.values import Json
    from engine.spec.parse import Parsed


def parse_file(file: Path) -> Parsed:
    """What `file` says, with the findings of its text. Raises CliError if it can't be read or isn't well-formed."""
    from engine.spec.parse import parse
    from modules.sdk.parse_error import ParseError

    try:
        return parse(file.read_bytes(), "json" if file.suffix == ".json" else "yaml")
    except OSError as error:
        raise CliError(f"{str(file)!r} can't be read ({error.strerror})") from error
    except ParseError as error:
        raise CliError(f"{str(file)!r} is not a document: {error}") from error


def read_document(file: Path) -> dict[str, Json]:
    """The document in `file`. Raises CliError where `parse_file` does, for errors of the text, and for what is no object."""
    parsed = parse_file(file)
    errors = [finding for finding in parsed.findings if finding.severity == "error"]
    if errors:
        raise CliError(f"{str(file)!r}: {errors[0].path or '(document)'}: {errors[0].message}", errors[0].hint)
    if not isinstance(parsed.document, dict):
        raise CliError(f"{str(file)!r} holds no document: it must be an object with a name and steps")
    return parsed.document


def name_of(document: dict[str, Json], file: Path) -> str:
    """The workflow's name, which the document itself tells."""
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise CliError(f"the document in {str(file)!r} has no name", "add: name: my-workflow")
    return name


def read_json(text: str) -> Json:
    """JSON given on the command line: the text itself, or `@file`. Raises CliError."""
    from modules.sdk.parse_error import ParseError
    from modules.sdk.strict_json import parse_json

    where = "the argument"
    try:
        if text.startswith("@"):
            where = repr(text[1:])
            return parse_json(Path(text[1:]).read_bytes())
        return parse_json(text)
    except OSError as error:
        raise CliError(f"{where} can't be read ({error.strerror})") from error
    except ParseError as error:
        raise CliError(
            f"{where} is not JSON: {error}", "quote it for the shell, or give a file: @input.json"
        ) from error
