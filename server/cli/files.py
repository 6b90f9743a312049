"""`files`: the workspace's files: list, put, get, show, delete."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from server.cli.client import connect
from server.cli.output import CliError, JsonOption, Out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

FileId = Annotated[str, typer.Argument(help="The file's id.")]
_CHUNK = 2**20


def register(app: typer.Typer) -> None:
    nouns = typer.Typer(no_args_is_help=True, help="Files of the workspace: list, put, get, show, delete.")
    app.add_typer(nouns, name="files")

    @nouns.command(name="list")
    def list_(
        tag: Annotated[
            list[str] | None, typer.Option("--tag", help="Only files that have it; may be repeated.")
        ] = None,
        name: Annotated[str | None, typer.Option("--name", help="Only files whose name holds this.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
        as_json: JsonOption = False,
    ) -> None:
        """Files, the newest first."""
        found = connect().items("/files", {"tag": tag or None, "name": name}, most=limit)
        out = Out(as_json)
        if as_json:
            out.json(found)
        columns = ("file_id", "name", "mime_type", "size", "tags", "expires_at")
        out.table(columns, [[file[column] for column in columns] for file in found])

    @nouns.command()
    def show(file_id: FileId, as_json: JsonOption = False) -> None:
        """What a file is."""
        found, out = connect().get(_path(file_id)), Out(as_json)
        if as_json:
            out.json(found)
        out.fields(found)

    @nouns.command()
    def put(
        source: Annotated[str, typer.Argument(help="The file to put in; - for what comes in.")],
        name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
        mime_type: Annotated[str | None, typer.Option("--type", help="As text/csv; the name tells it.")] = None,
        tag: Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")] = None,
        expires_in: Annotated[str | None, typer.Option("--expires-in", help="As 12h, 30d.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Put a file in. It is sent as it is read, however large it is."""
        called = name or ("" if source == "-" else Path(source).name)
        if not called:
            raise CliError("what comes in has no name", "give one: --name NAME")
        query = {"name": called, "mime_type": mime_type, "tags": tag or None, "expires_in": expires_in}
        try:
            opened = nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb")  # noqa: SIM115 - below
        except OSError as error:
            raise CliError(f"{source!r} can't be read ({error.strerror})") from error
        with opened as content:
            found = connect().request(
                "POST", "/files", body=_chunks(content), media="application/octet-stream", query=query
            )
        Out(as_json).result(found, str(found["file_id"]))

    @nouns.command()
    def get(
        file_id: FileId,
        to: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; - for the output.")] = None,
        force: Annotated[bool, typer.Option("--force", help="Also over a file that is there.")] = False,
    ) -> None:
        """Fetch a file, under its own name unless another is given."""
        api = connect()
        chunks = api.download(f"{_path(file_id)}/content")
        if to == Path("-"):
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return
        place = to or Path(_safe(str(api.get(_path(file_id))["name"])))
        part = place.with_name(f".{place.name}.part")
        try:
            if place.exists() and not force:
                raise CliError(f"{str(place)!r} is there already", "choose another place with -o, or use --force")
            with part.open("wb") as out:
                out.writelines(chunks)
            os.replace(part, place)
        except OSError as error:
            raise CliError(f"{str(place)!r} can't be written ({error.strerror})") from error
        finally:
            part.unlink(missing_ok=True)
        Out().text(str(place))

    @nouns.command()
    def delete(file_id: FileId) -> None:
        """Take a file away."""
        connect().request("DELETE", _path(file_id))
        Out().text(f"{file_id} is gone.")


def _path(file_id: str) -> str:
    return f"/files/{quote(file_id, safe='')}"


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _safe(name: str) -> str:
    from workspace.files.naming import safe_name

    return safe_name(name)
