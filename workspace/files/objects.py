"""Where the bytes of files lie: a folder of the installation's home, or a bucket that speaks S3. The operator chooses; workflows never name it.

A file is cut into pieces of `PIECE` bytes, each an object of its own under `workspace/file/number`, both ids of ours. An object is written
whole by one call, so that it is there or isn't; nothing is ever written twice under one name.

Rejected: one object for each file, written by S3's multipart uploads. What a process that dies leaves of one is invisible to every list and
is paid for until somebody sets a rule in the bucket; and an upload would have to be read back to be told from another. Pieces are seen, swept by
their prefix, retried one by one, and read from any place. A file of 8 MiB or less, which is nearly every one, is one object all the same.

The library is called from threads. Its awaitable calls let about one process of three die with SIGABRT at its end: its runtime's
threads still hand over results while the interpreter is taken down.

In a folder, a piece is flushed to the disk, and its folder too, before its writer goes on: a row that says `ready` outlives a power cut.
The folder's disk often is the database's as well, so the last `RESERVE` bytes of it are never taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from obstore.store import LocalStore, S3Store

from db.ids import FileId, WorkspaceId
from modules.sdk.verdicts import ModuleError, Rejected

T = TypeVar("T")
PIECE = 8 * 2**20
RESERVE = 256 * 2**20
_THREADS = 16
_FULL = tuple(f"(os error {number})" for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_SWEPT_AT_ONCE = 1000

log = logging.getLogger("millstream.files")


class BadFilesUrl(ValueError):
    """The address of the store can't be used: one sentence for the operator."""


class Objects:
    """One per process. `folder` is that of a store in a folder, None for one elsewhere. Use as `async with`, or call `close`."""

    def __init__(self, store: LocalStore | S3Store, folder: Path | None = None, *, reserve: int = RESERVE) -> None:
        self._store = store
        self._folder = folder
        self._reserve = reserve
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="files")

    async def put(self, workspace_id: WorkspaceId, file_id: FileId, number: int, data: bytes) -> None:
        """Write a piece. Raises ModuleError `files.full`, `files.unavailable`."""
        path = _path(workspace_id, file_id, number)
        await self._call(lambda: self._put(path, data))

    async def get(self, workspace_id: WorkspaceId, file_id: FileId, number: int, start: int, end: int) -> bytes:
        """Bytes of a piece from `start` up to `end`. Raises ModuleError `file.lost`, `files.unavailable`."""
        path = _path(workspace_id, file_id, number)
        found = await self._call(lambda: bytes(obstore.get_range(self._store, path, start=start, end=end)))
        if len(found) != end - start:
            raise lost()
        return found

    async def remove(self, workspace_id: WorkspaceId, file_id: FileId) -> None:
        """Take away all pieces of a file, also those that were being written when a process died. Raises ModuleError `files.unavailable`."""
        await self._call(lambda: self._remove(_prefix(workspace_id, file_id)))

    async def close(self) -> None:
        """Waits for the calls under way, each of which has a time limit."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    async def __aenter__(self) -> Objects:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, act: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, act)
        except ModuleError:
            raise
        except FileNotFoundError:
            raise lost() from None
        except Exception as error:
            # The library's own words may hold the store's address and what its server said: they are the operator's.
            text = str(error)
            if any(each in text for each in _FULL) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
                raise full() from None
            log.warning("the store of files failed: %s", text.partition("\n")[0][:500])
            raise ModuleError(
                "files.unavailable", "the store of files doesn't answer as it should; nothing was kept", retryable=True
            ) from None

    def _put(self, path: str, data: bytes) -> None:
        if self._folder is not None and shutil.disk_usage(self._folder).free - len(data) < self._reserve:
            raise full()
        obstore.put(self._store, path, data, use_multipart=False)
        if self._folder is not None:
            _flush(self._folder, path)

    def _remove(self, prefix: str) -> None:
        # One of its overloads gives a type of a library that isn't there.
        found = obstore.list(self._store, prefix, chunk_size=_SWEPT_AT_ONCE)  # pyright: ignore[reportUnknownMemberType]
        for batch in found:
            with contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, [each["path"] for each in batch])
        if self._folder is not None:
            # With what the library was writing under a name of its own when the process died, which it doesn't list.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._folder / prefix)


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def open_objects(
    url: str | None, folder: Path, *, key_id: str | None = None, secret: str | None = None, reserve: int = RESERVE
) -> Objects:
    """The store at `url`: `s3://bucket/prefix?endpoint=…&region=…`, `file:///folder`; None for `folder`.

    Raises BadFilesUrl, which never repeats the address whole.
    """
    if url is None:
        return _in_folder(folder, reserve)
    try:
        parts = urlsplit(url)
        given = parse_qs(parts.query, strict_parsing=bool(parts.query))
        host = parts.netloc
    except ValueError:
        raise BadFilesUrl("it is not an address") from None
    if parts.scheme == "file" and not host and parts.path.startswith("/") and not given:
        return _in_folder(Path(unquote(parts.path)), reserve)
    if parts.scheme != "s3" or not host or "@" in host:
        raise BadFilesUrl("it must be s3://bucket/prefix?endpoint=… or file:///folder, and hold no key")
    if unknown := sorted(given.keys() - {"endpoint", "region"}):
        raise BadFilesUrl(f"{unknown[0]!r} is no option of it: there are `endpoint` and `region`")
    endpoint = given["endpoint"][-1] if "endpoint" in given else None
    if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
        raise BadFilesUrl("its `endpoint` must begin with http:// or https://")
    config: dict[str, str] = {"region": given["region"][-1] if "region" in given else "us-east-1"}
    if endpoint is not None:
        config["endpoint"] = endpoint
    if key_id is not None and secret is not None:
        config |= {"access_key_id": key_id, "secret_access_key": secret}
    store = S3Store(
        host,
        prefix=unquote(parts.path).strip("/") or None,
        config=config,  # pyright: ignore[reportArgumentType]  # a typed dictionary of the same keys
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=60),
        },
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
    )
    return Objects(store)


def lost() -> ModuleError:
    return Rejected("file.lost", "the store of files has lost bytes of this file")


def full() -> ModuleError:
    return Rejected("files.full", "the store of files has no room left: nothing was kept")


def _in_folder(folder: Path, reserve: int) -> Objects:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Objects(LocalStore(folder, automatic_cleanup=False), folder, reserve=reserve)
    except OSError as error:
        raise BadFilesUrl(f"the folder {str(folder)!r} can't be made ({error.strerror})") from None


def _prefix(workspace_id: WorkspaceId, file_id: FileId) -> str:
    return f"{workspace_id}/{file_id}"


def _path(workspace_id: WorkspaceId, file_id: FileId, number: int) -> str:
    return f"{_prefix(workspace_id, file_id)}/{number:06d}"


def _flush(folder: Path, path: str) -> None:
    """To the disk: the piece, and the folders that name it."""
    piece = folder / path
    for each in (piece, piece.parent, piece.parent.parent, folder):
        opened = os.open(each, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
