"""Files go in and come out byte for byte, in a folder as in S3, and nothing is left of what goes."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import asyncpg
import obstore
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.ids import FileId
from db.pool import Database
from modules.sdk.files import File, NewFile
from modules.sdk.verdicts import ModuleError
from tests.fixtures.files import new_workspace_id
from workspace.files.objects import BadFilesUrl, Objects, open_objects
from workspace.files.store import Change, StoredFiles, exists
from workspace.files.sweeper import Sweeper

SIZES = [0, 1, 999, 1000, 1001, 1999, 2000, 2001, 5003]
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=255
) | st.sampled_from(
    [
        "../../etc/passwd",
        "/abs",
        "C:\\x",
        'a"b',
        "a\nb\r\nSet-Cookie: x",
        "..",
        ".",
        " ",
        "ü.csv",
        "\u202egnp.exe",
        "%2e%2e/",
    ]
)


async def pieces(content: bytes, step: int = 700) -> AsyncIterator[bytes]:
    for start in range(0, len(content), step):
        yield content[start : start + step]


async def read(files: StoredFiles, file_id: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in files.open_read(file_id, start=start, end=end)])


async def failing(call: Awaitable[object]) -> str:
    with pytest.raises(ModuleError) as caught:
        await call
    return caught.value.code


def keys_of(objects: Objects) -> set[str]:
    """All objects that the store has, those that are being written included where it is a folder."""
    if objects._folder is not None:
        return {str(each.relative_to(objects._folder)) for each in objects._folder.rglob("*") if each.is_file()}
    return {each["path"] for batch in obstore.list(objects._store) for each in batch}


def owners(files: StoredFiles) -> set[str]:
    """The files of the workspace of which the store has objects."""
    return {key.split("/")[-2] for key in keys_of(files.objects) if f"{files.workspace_id}/" in key}


async def test_what_goes_in_comes_out(stored: StoredFiles) -> None:
    operations = iter(range(10**6))

    async def hold(content: bytes, name: str, start: int, end: int) -> None:
        made = await stored.write(
            pieces(content), NewFile(name, tags=("a", "a", "ü")), operation=f"law {next(operations)}"
        )
        assert made == await stored.stat(made.file_id)
        assert (made.name, made.size, made.tags, made.expires_at) == (name, len(content), ("a", "ü"), None)
        assert made.sha256 == hashlib.sha256(content).hexdigest()
        assert await read(stored, made.file_id) == content
        assert await read(stored, made.file_id, start, end) == content[start:end]

    loop = asyncio.get_running_loop()

    @given(st.sampled_from(SIZES), st.randoms(use_true_random=False), NAMES, st.integers(0, 5100), st.integers(0, 5100))
    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def law(size: int, chance: object, name: str, start: int, end: int) -> None:
        content = chance.randbytes(size)  # type: ignore[attr-defined]
        asyncio.run_coroutine_threadsafe(hold(content, name, start, end), loop).result(60)

    await asyncio.to_thread(law)


async def test_a_repeat_of_an_operation_gives_the_first_file_and_leaves_no_second(stored: StoredFiles) -> None:
    first, again = await asyncio.gather(
        *(stored.write(pieces(text), NewFile("a.txt"), operation="one") for text in (b"first" * 500, b"again" * 500))
    )
    later = await stored.write(pieces(b"later"), NewFile("b.txt"), operation="one")
    assert first == again == later
    assert await stored.list_files([], None, None, 10) == [first]
    await Sweeper(stored.database, stored.objects).round()
    assert owners(stored) == {first.file_id}
    assert await stored.delete(first.file_id, operation="gone") is True
    assert await stored.delete(first.file_id, operation="gone") is True, "the first answer, though it is gone"
    assert await stored.delete(first.file_id, operation="other") is False


async def test_a_write_that_fails_leaves_nothing(stored: StoredFiles) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3000
        raise ModuleError("http.connect", "it hung up")

    assert await failing(stored.write(broken(), NewFile("a"), operation="a")) == "http.connect"
    assert (
        await failing(stored.write(pieces(b"x" * 2001), NewFile("a"), operation="b", most=2000)) == "payload.too_large"
    )
    assert await failing(stored.write(pieces(b"x"), NewFile("\x00"), operation="c")) == "input.invalid"
    made = await stored.write(pieces(b"x" * 2000), NewFile("a"), operation="a", most=2000)
    await Sweeper(stored.database, stored.objects, again=0).round()
    assert owners(stored) == {made.file_id}
    assert await stored.list_files([], None, None, 10) == [made]


async def test_nobody_sees_another_workspaces_files(stored: StoredFiles) -> None:
    other = replace(stored, workspace_id=await new_workspace_id(stored.database))
    mine = await stored.write(pieces(b"mine"), NewFile("a", tags=("t",)), operation="same")
    theirs = await other.write(pieces(b"theirs"), NewFile("a", tags=("t",)), operation="same")
    assert mine.file_id != theirs.file_id
    absent = "01993b5c-5d7e-7c4e-9a55-0d6a1f8f2b11"
    for act in (
        other.stat,
        lambda id_: read(other, id_),
        lambda id_: other.change(id_, Change(name="b")),
    ):
        told: list[str] = []
        for id_ in (mine.file_id, absent):
            with pytest.raises(ModuleError) as caught:
                await act(id_)
            told.append(f"{caught.value.code} {caught.value.message.replace(id_, '…')}")
        assert told[0] == told[1]
        assert told[0].startswith("file.unknown")
    assert await other.delete(mine.file_id, operation="d") is False
    assert await other.list_files(["t"], "A", None, 10) == [theirs]
    asked = {mine.file_id, theirs.file_id, absent, "x", mine.file_id.upper()}
    assert await exists(stored.database, stored.workspace_id, asked) <= {mine.file_id, mine.file_id.upper()}
    assert await read(stored, mine.file_id) == b"mine"


async def test_files_are_found_by_tags_and_name_page_by_page(stored: StoredFiles) -> None:
    made: list[File] = []
    for number in range(5):
        new = NewFile(f"Report {number}.csv", tags=("even",) if number % 2 == 0 else ("odd", "x"))
        made.append(await stored.write(pieces(b""), new, operation=str(number)))
    made.reverse()
    assert await stored.list_files([], None, None, 10) == made
    assert await stored.list_files(["odd", "x"], None, None, 10) == [made[1], made[3]]
    assert await stored.list_files([], "PORT 4", None, 10) == [made[0]]
    assert await stored.list_files([], None, UUID(made[1].file_id), 2) == made[2:4]
    assert made[0].mime_type == "text/csv"


async def test_what_is_expired_is_over_at_once_and_goes_with_the_sweep(stored: StoredFiles) -> None:
    short = await stored.write(pieces(b"x" * 1500), NewFile("a", expires_in=1e-6), operation="1")
    assert await failing(stored.stat(short.file_id)) == "file.expired"
    kept = await stored.write(pieces(b"y"), NewFile("b", expires_in=3600), operation="2")
    kept = await stored.change(kept.file_id, Change("c", ("t",), expiry=True))
    assert (kept.name, kept.tags, kept.expires_at) == ("c", ("t",), None)
    for _ in range(2):
        await Sweeper(stored.database, stored.objects, again=0).round()
        assert owners(stored) == {kept.file_id}
    assert await failing(stored.stat(short.file_id)) == "file.unknown", "its row is gone too"
    assert await read(stored, kept.file_id) == b"y"


async def test_bytes_that_the_store_lost_are_told(stored: StoredFiles) -> None:
    made = await stored.write(pieces(b"x" * 2500), NewFile("a"), operation="1")
    await stored.objects.remove(stored.workspace_id, FileId(UUID(made.file_id)))
    assert await failing(read(stored, made.file_id)) == "file.lost"


async def test_an_upload_that_was_given_up_can_not_become_ready(stored: StoredFiles, files_db: Database) -> None:
    """A process that stood still for an hour: the sweeper came meanwhile."""
    async with stored.uploading() as upload:
        await upload.add(b"x" * 1500)
        await Sweeper(files_db, stored.objects, silent=-1).round()
        assert await failing(upload.finish(NewFile("a"), "late")) == "files.unavailable"
    await Sweeper(files_db, stored.objects, again=0).round()
    assert owners(stored) == set()


WRITER = """
import asyncio, sys
from pathlib import Path
from db.pool import Database
from db.ids import WorkspaceId
from modules.sdk.files import NewFile
from workspace.files.objects import open_objects
from workspace.files.store import StoredFiles

async def main(database, url, folder, workspace_id):
    db = await Database.open(database, max_size=2)
    async with open_objects(url or None, Path(folder), key_id="key", secret="secret") as objects:
        async with StoredFiles(db, objects, WorkspaceId(int(workspace_id)), piece=2**20).uploading() as upload:
            while True:
                await upload.add(b"x" * 2**18)
                print(upload.size, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_a_process_that_is_killed_while_it_writes_leaves_nothing_for_ever(
    kind: str, database_url: str, tmp_path: Path, s3_endpoint: str
) -> None:
    url = "" if kind == "folder" else f"s3://files/{tmp_path.name}?endpoint={s3_endpoint}"
    db = await Database.open(database_url, max_size=2)
    workspace_id = await new_workspace_id(db)
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, database_url, url, str(tmp_path / "files"), str(workspace_id),
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout is not None
    while int(await writer.stdout.readline()) < 5 * 2**20:
        pass
    writer.send_signal(signal.SIGKILL)
    await writer.wait()
    admin = await asyncpg.connect(database_url)
    try:
        async with open_objects(url or None, tmp_path / "files", key_id="key", secret="secret") as objects:
            assert len(keys_of(objects)) >= 4
            assert await StoredFiles(db, objects, workspace_id).list_files([], None, None, 10) == []
            await Sweeper(db, objects).round()
            assert await admin.fetchval("select state from files") == "uploading", "it may live yet"
            await Sweeper(db, objects, silent=0).round()
            assert keys_of(objects) == set()
            await Sweeper(db, objects, silent=0, again=0).round()
            assert await admin.fetchval("select count(*) from files") == 0
    finally:
        await admin.close()
        await db.close()


async def test_a_full_disk_is_told_and_nothing_half_written_stays(files_db: Database, tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk can't be mounted here")
    try:
        async with open_objects(None, tmp_path / "files", reserve=0) as objects:
            files = StoredFiles(files_db, objects, await new_workspace_id(files_db), piece=300_000)
            # The room that is left is looked at first, so the disk is filled behind its back.
            objects._reserve = -(2**40)
            assert await failing(files.write(pieces(b"x" * 2**21), NewFile("a"), operation="1")) == "files.full"
            await Sweeper(files_db, objects, again=0).round()
            assert keys_of(objects) == set()
            made = await files.write(pieces(b"x" * 2**18), NewFile("a"), operation="1")
            assert await read(files, made.file_id) == b"x" * 2**18
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


async def test_the_last_of_the_disk_is_not_taken(files_db: Database, tmp_path: Path) -> None:
    async with open_objects(None, tmp_path / "files", reserve=2 * shutil.disk_usage(tmp_path).total) as objects:
        files = StoredFiles(files_db, objects, await new_workspace_id(files_db))
        assert await failing(files.write(pieces(b"x"), NewFile("a"), operation="1")) == "files.full"


async def test_a_store_that_is_away_is_worth_another_try(files_db: Database, tmp_path: Path) -> None:
    async with open_objects(f"file://{tmp_path}/files", tmp_path) as objects:
        files = StoredFiles(files_db, objects, await new_workspace_id(files_db))
        shutil.rmtree(tmp_path / "files")
        (tmp_path / "files").write_text("no folder")
        with pytest.raises(ModuleError) as caught:
            await files.write(pieces(b"x"), NewFile("a"), operation="1")
        assert (caught.value.code, caught.value.retryable) == ("files.unavailable", True)
        assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3://a:b@bucket/x", "s3://bucket?key=1", "s3://bucket?endpoint=ftp://x", "http://bucket", "file://host/x", "file:x", "s3://["],
)  # fmt: skip
def test_an_address_that_can_not_be_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadFilesUrl):
        open_objects(url, tmp_path)
