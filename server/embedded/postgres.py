"""The embedded PostgreSQL: a real server of version 18 under the home, on a loopback port, with a password.

States of the folder: *empty* → *draft* (initdb writes ``data.new``) → *made* (renamed to ``data``, which happens at once,
so a start that was killed in initdb begins anew). The server runs as the direct child of this process.

Hazards:
- After ``kill -9`` of the server its pid stays visible for 1–2 s and its backends hold the shared memory until they
  notice; a start meanwhile fails on the lock file. So a start that fails for that is tried again. ``postmaster.pid`` is
  never deleted: it is what keeps two servers from writing the same files.
- A crash with many files makes recovery sync each of them; ``syncfs`` does it in one call (Linux).
- Readiness is a connection with the password: it can't be mistaken for a foreign server on the same port.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

import asyncpg

from server.embedded.account import Account, programs_for, unprivileged_account
from server.embedded.child import Child, spawn
from server.embedded.errors import ServiceFailed, StackError, last_lines
from server.embedded.ports import remembered_port

_HOST = "127.0.0.1"
_SUPERUSER = "postgres"
SERVICE = "millstream_service"
"""The login of the API and the worker: no superuser, and no right but those that migrations give it."""
_DATABASE = "millstream"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_STILL_HELD = ("postmaster.pid", "shared memory block", "Address already in use")
_READY_WITHIN_S = 300.0
_HELD_FOR_AT_MOST_S = 30.0

_SETTINGS: dict[str, str] = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "cluster_name": "millstream",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # A small machine: little memory kept, no parallel workers in one query, no compiler for short statements.
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
    "random_page_cost": "1.1",
    "max_connections": "100",
    # Each week of runs, and each view, is a table of its own: a dump locks them all.
    "max_locks_per_transaction": "256",
}
_THROWAWAY: dict[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
}


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """Where the server keeps things. ``folder`` is its own; the other files are the owner's of the home."""

    folder: Path
    password_file: Path
    service_file: Path
    port_file: Path
    log: Path

    @classmethod
    def under(cls, home: Path) -> "PostgresPlace":
        run = home / "run"
        return cls(
            home / "postgres",
            run / "postgres.password",
            run / "service.password",
            run / "postgres.port",
            home / "logs" / "postgres.log",
        )


def service_url(place: PostgresPlace) -> str | None:
    """As `EmbeddedPostgres.service_url` of the server that runs there; None when there never was one."""
    try:
        password = place.service_file.read_text(encoding="ascii").strip()
        port = int(place.port_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return _url(SERVICE, password, port)


def _url(user: str, password: str, port: int) -> str:
    return f"postgresql://{user}:{quote(password)}@{_HOST}:{port}/{_DATABASE}"


class EmbeddedPostgres:
    """The server as a service. ``url`` holds from the first start on and stays the same while this object lives."""

    name = "postgres"

    def __init__(
        self, place: PostgresPlace, *, throwaway: bool = False, settings: Mapping[str, str] | None = None
    ) -> None:
        """``throwaway``: for data that nobody misses after a crash of the machine; commits don't wait for the disk.

        ``settings`` of the server win over ours.
        """
        self._place = place
        self._settings = {**_SETTINGS, **(_THROWAWAY if throwaway else {}), **(settings or {})}
        if sys.platform == "linux":
            self._settings["recovery_init_sync_method"] = "syncfs"
        self._durable = not throwaway
        self._port = 0
        self._password = self._service_password = ""

    @property
    def url(self) -> str:
        """The URL of the database ``millstream`` for the superuser, with its password."""
        return _url(_SUPERUSER, self._password, self._port)

    @property
    def service_url(self) -> str:
        """The same database for the login `SERVICE`."""
        return _url(SERVICE, self._service_password, self._port)

    async def start(self) -> Child:
        account = unprivileged_account()
        programs = programs_for(account)
        self._prepare(account)
        folder, descriptor = self._way_in(account)
        inherited = () if descriptor is None else (descriptor,)
        name = account.name if account else ""
        try:
            if not (self._place.folder / "data" / "PG_VERSION").exists():
                await self._initialise(programs, folder, name, inherited)
            child = await self._started(programs / "bin" / "postgres", folder, name, inherited)
        finally:
            if descriptor is not None:
                os.close(descriptor)
        try:
            await self._make_database()
        except BaseException:
            await self.stop(child)
            raise
        return child

    async def stop(self, child: Child) -> None:
        # Fast shutdown, then an immediate one (recovery at the next start); never the kill that leaves backends behind.
        await child.stop([(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0)])

    def _prepare(self, account: Account | None) -> None:
        place = self._place
        for folder in (place.folder, place.password_file.parent, place.port_file.parent, place.log.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if account is not None:
            os.chown(place.folder, account.uid, account.gid)
        if place.password_file.exists():
            self._password = place.password_file.read_text(encoding="ascii").strip()
        elif (place.folder / "data").exists():
            raise StackError(
                f"the password of the embedded PostgreSQL is gone: put {str(place.password_file)!r} back, "
                f"or move {str(place.folder)!r} away to begin with an empty database"
            )
        else:
            self._password = secrets.token_urlsafe(24)
            _write_private(place.password_file, self._password)
        if not place.service_file.exists():
            _write_private(place.service_file, secrets.token_urlsafe(24))
        self._service_password = place.service_file.read_text(encoding="ascii").strip()
        if self._port == 0:
            self._port = remembered_port(place.port_file, _HOST)

    def _way_in(self, account: Account | None) -> tuple[Path, int | None]:
        """The folder as the server may name it; with the descriptor to inherit where it is named by that."""
        if account is None or sys.platform != "linux":
            return self._place.folder.resolve(), None
        descriptor = os.open(self._place.folder, os.O_RDONLY | os.O_DIRECTORY)
        return Path(f"/proc/self/fd/{descriptor}"), descriptor

    async def _initialise(self, programs: Path, folder: Path, account: str, inherited: Sequence[int]) -> None:
        for leftover in ("data.new", "password"):
            _remove(self._place.folder / leftover)
        _write_private(self._place.folder / "password", self._password)
        owner = self._place.folder.stat()
        if account:
            os.chown(self._place.folder / "password", owner.st_uid, owner.st_gid)
        options = ["--auth=scram-sha-256", f"--username={_SUPERUSER}", f"--pwfile={folder / 'password'}"]
        # One order of texts on every machine, whatever its locale: the server's own C.UTF-8.
        options += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [] if self._durable else ["--no-sync"]
        argv = [programs / "bin" / "initdb", "-D", folder / "data.new", *options]
        log = self._place.log
        child = spawn("initdb", argv, log=log, env=_ENVIRONMENT, account=account, pass_fds=inherited)
        try:
            code = await child.wait()
        finally:
            await child.stop([])
            _remove(self._place.folder / "password")
        if code != 0:
            said = last_lines(log, since=child.log_start)
            raise ServiceFailed(f"PostgreSQL's initdb failed: {said}; the whole log is {str(log)!r}")
        (self._place.folder / "data.new").rename(self._place.folder / "data")

    async def _started(self, program: Path, folder: Path, account: str, inherited: Sequence[int]) -> Child:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _HELD_FOR_AT_MOST_S
        while True:
            argv = [program, "-D", folder / "data", "-p", str(self._port)]
            argv += [word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")]
            child = spawn(
                self.name,
                argv,
                log=self._place.log,
                env=_ENVIRONMENT,
                death_signal=signal.SIGINT,
                account=account,
                pass_fds=inherited,
            )
            try:
                if await self._accepts_us(child):
                    return child
            except BaseException:
                await self.stop(child)
                raise
            said = last_lines(self._place.log, since=child.log_start, lines=6)
            if loop.time() > give_up or not any(reason in said for reason in _STILL_HELD):
                raise ServiceFailed(f"PostgreSQL didn't start: {said}; the whole log is {str(self._place.log)!r}")
            await asyncio.sleep(0.3)

    async def _accepts_us(self, child: Child) -> bool:
        """True once a connection with the password works; False when the server ended before."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _READY_WITHIN_S
        while child.returncode is None:
            try:
                connection = await self._connect("postgres")
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError):
                pass  # not listening yet, or in recovery
            except asyncpg.InvalidPasswordError as error:
                raise StackError(
                    f"the embedded PostgreSQL refuses the password in {str(self._place.password_file)!r}: "
                    "restore the file that belongs to this database"
                ) from error
            else:
                await connection.close()
                return True
            if loop.time() > give_up:
                said = last_lines(self._place.log, since=child.log_start)
                raise ServiceFailed(f"PostgreSQL wasn't ready in {_READY_WITHIN_S:.0f} s: {said}")
            await asyncio.sleep(0.03)
        return False

    async def _make_database(self) -> None:
        connection = await self._connect("postgres")
        try:
            if not await connection.fetchval("select true from pg_database where datname = $1", _DATABASE):
                await connection.execute(f"create database {_DATABASE}")
            if not await connection.fetchval("select true from pg_roles where rolname = $1", SERVICE):
                await connection.execute(f"create role {SERVICE} login")
            # The file may be another one than at the last start. Its text has letters, digits, - and _ only.
            await connection.execute(f"alter role {SERVICE} password '{self._service_password}'")
        finally:
            await connection.close()

    async def _connect(self, database: str) -> "_Connection":
        connection: object = await asyncpg.connect(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            host=_HOST,
            port=self._port,
            user=_SUPERUSER,
            password=self._password,
            database=database,
            timeout=5,
            ssl=False,
        )
        return cast("_Connection", connection)


class _Connection(Protocol):
    """What is used of asyncpg's connection."""

    async def execute(self, query: str, /) -> str: ...
    async def fetchval(self, query: str, /, *arguments: object) -> object: ...
    async def close(self) -> None: ...


def _write_private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(text + "\n")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
