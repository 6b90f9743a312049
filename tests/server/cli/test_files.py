"""`files`: put in, found, fetched and taken away from a terminal, over a real API."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.api import Api

CONTENT = os.urandom(3 * 2**20 + 5)


@dataclass(frozen=True)
class Done:
    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


Typed = Callable[..., Awaitable[Done]]


@pytest.fixture
def typed(api: Api, tmp_path: Path) -> Typed:
    """Runs `millstream files …` in a folder of its own, with the editor's key; `given` comes in."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "api-key").write_text(api.keys["editor"])
    folder = tmp_path / "here"
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    environment = {**kept, "MILLSTREAM_HOME": str(home), "MILLSTREAM_PUBLIC_URL": api.url}
    environment["PYTHONPATH"] = ":".join(filter(None, sys.path))

    async def run(*arguments: str, given: bytes = b"") -> Done:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server.cli.main", "files", *arguments),
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(given)
        assert process.returncode is not None
        return Done(process.returncode, out, err.decode())

    return run


@pytest.mark.slow
async def test_what_is_put_in_is_found_and_fetched_and_gone_when_it_is_deleted(typed: Typed, tmp_path: Path) -> None:
    source, tag = tmp_path / 'bücher "1".csv', f"t{uuid4().hex[:8]}"
    source.write_bytes(CONTENT)
    put = await typed("put", str(source), "--tag", tag, "--tag", "spring", "--expires-in", "2h")
    assert (put.code, put.err) == (0, "")
    file_id = put.out.strip()
    shown = (await typed("show", file_id, "--json")).json
    assert (shown["name"], shown["mime_type"], shown["size"]) == (source.name, "text/csv", len(CONTENT))
    assert (sorted(shown["tags"]), shown["expires_at"] is None) == (sorted([tag, "spring"]), False)
    assert source.name in (await typed("show", file_id)).out
    assert (await typed("list", "--tag", tag, "--json")).json == [shown]
    assert (await typed("list", "--tag", tag, "--name", "nothing", "--json")).json == []
    listed = await typed("list", "--tag", tag)
    assert file_id in listed.out

    fetched = await typed("get", file_id)
    assert fetched.code == 0, fetched.err
    place = tmp_path / "here" / fetched.out.strip()
    assert place.read_bytes() == CONTENT
    assert [each.name for each in place.parent.iterdir()] == [place.name], "no part of it stays beside it"
    again = await typed("get", file_id)
    assert (again.code, "is there already" in again.err) == (1, True)
    assert (await typed("get", file_id, "-o", place.name, "--force")).code == 0
    assert (await typed("get", file_id, "-o", "-")).raw == CONTENT

    deleted = await typed("delete", file_id)
    assert (deleted.code, file_id in deleted.out) == (0, True)
    for command in ("show", "get", "delete"):
        none = await typed(command, file_id, *(["-o", "x"] if command == "get" else []))
        assert (none.code, none.raw, "Traceback" in none.err) == (1, b"", False)
        assert file_id in none.err
    assert not (tmp_path / "here" / "x").exists()


async def test_what_comes_in_needs_a_name(typed: Typed) -> None:
    refused = await typed("put", "-", given=b"a")
    assert (refused.code, "--name" in refused.err) == (1, True)
    put = await typed("put", "-", "--name", "../in.txt", "--type", "text/markdown", "--json", given=b"# a\n")
    assert (put.json["name"], put.json["mime_type"], put.json["size"]) == ("../in.txt", "text/markdown", 4)
    fetched = await typed("get", put.json["file_id"])
    assert "/" not in fetched.out.strip(), "a file's name leads nowhere"
    assert (await typed("get", put.json["file_id"], "-o", "-")).raw == b"# a\n"


async def test_what_can_not_be_is_a_sentence(typed: Typed) -> None:
    for arguments, said in (
        (("put", "nothing.csv"), "can't be read"),
        (("put", "-", "--name", "a", "--expires-in", "soon"), "'soon' is not a time"),
        (("put", "-", "--name", "a", "--type", "nonsense"), "nonsense"),
        (("show", "nothing"), "nothing"),
    ):
        done = await typed(*arguments)
        assert (done.code, done.raw, said in done.err, "Traceback" in done.err) == (1, b"", True, False), done.err
