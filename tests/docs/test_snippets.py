"""The commands of the pages are run, page by page and in their order, as a reader would type them, against a real stack.

A page is one shell: variables that a block sets are there in the next. It runs in a folder that has what the snippets name: `./dev`,
`examples/`, `.millstream/`, and each YAML block whose first line names a file. A command that fails, or a request that is answered with an
error, fails the page. Blocks below `<!-- not run: reason -->` are only read, by test_pages.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from server.embedded.control import start_in_background, stop_running
from server.settings import load_settings
from server.version import product_version
from tests.docs.pages import ROOT, Block, blocks, pages

URL = "http://127.0.0.1:8080"
TOOLS = ("curl", "jq")
NEVER = re.compile(r"(\./dev|millstream) +(up|down|demo|migrate|serve|worker|bench|module +new)\b")
"""What would stop the stack, start another one, or write into the tree: such blocks are marked as not run."""


def tried(page: str) -> list[Block]:
    """The blocks that make up what is typed."""
    return [
        each
        for each in blocks(page)
        if each.not_run is None and (each.language in ("sh", "sql") or each.file is not None)
    ]


FIRST = "README.md"
"""The other pages take longer together than a suite may that runs after each change."""
PAGES = [page for page in pages() if any(each.language in ("sh", "sql") for each in tried(page))]


@dataclass(frozen=True)
class Stand:
    home: Path
    url: str
    database_url: str


@pytest.fixture(scope="module")
async def stand() -> AsyncIterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="millstream-docs-") as folder:
        home = Path(folder) / "home"
        settings = load_settings({"MILLSTREAM_HOME": str(home), "MILLSTREAM_PORT": "0"})
        inherited = {name: "" for name in os.environ if name.startswith("MILLSTREAM_")}
        state = await start_in_background(
            settings, product_version(), report=lambda _: None, changes={**inherited, "MILLSTREAM_PORT": "0"}
        )
        try:
            assert state.url is not None
            assert state.database_url is not None
            yield Stand(home, state.url, state.database_url)
        finally:
            await stop_running(home)


@pytest.fixture
def folder(stand: Stand, tmp_path: Path) -> Path:
    """Where the reader sits."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / ".millstream").symlink_to(stand.home)
    dev = tmp_path / "dev"
    dev.write_text(f'#!/bin/sh\nexec {sys.executable} -m server.cli.main "$@"\n')
    dev.chmod(0o755)
    (tmp_path / ".curlrc").write_text("fail-with-body\n")
    return tmp_path


@pytest.mark.timeout(300)  # the first one also starts the stack
@pytest.mark.parametrize(
    "page", [page if page == FIRST else pytest.param(page, marks=pytest.mark.slow) for page in PAGES]
)
async def test_what_a_page_types_works(page: str, stand: Stand, folder: Path) -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and any(tool in each.text for tool in missing for each in tried(page)):
        pytest.skip(f"the page's commands use {missing[0]}, which isn't installed here")
    assert [each.place for each in tried(page) if NEVER.search(each.text)] == []
    script: list[str] = []
    for block in tried(page):
        if block.file is not None:
            (folder / block.file).write_text(block.text)
        elif block.language == "sh":
            script.append(f"echo '== {block.place}' >&2\n{block.text.replace(URL, stand.url)}")
    done = subprocess.run(
        ["sh", "-eu"],
        input="\n".join(script),
        cwd=folder,
        env=_environment(stand, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr[-2000:]}\n{done.stdout[-1500:]}"
    for block in tried(page):
        if block.language == "sql":
            await _query(stand.database_url, block.text)


async def _query(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        schema = await connection.fetchval("select nspname from pg_namespace where nspname like 'wf\\_%' limit 1")
        await connection.fetch(re.sub(r"wf_<id>", str(schema), text))
    finally:
        await connection.close()


def _environment(stand: Stand, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    return {
        **kept,
        "MILLSTREAM_HOME": str(stand.home),
        "CURL_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
    }
