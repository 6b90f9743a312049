"""asyncpg over the guard.

asyncpg is given one literal address at a time, so it resolves nothing, and its request to cancel a statement goes to the same address.
Everything that it would else read from the environment or from files of the home (`PGHOST`, `PGSERVICE`, `.pgpass`, certificates) is given.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, cast

import asyncpg

from modules.sdk.verdicts import AuthExpired, ModuleError
from workspace.egress.adapters.tls import NamedContext
from workspace.egress.guard import LONGEST_CONNECT, Guard
from workspace.egress.policy import Speaks

SslMode: TypeAlias = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]


class Type(Protocol):
    """A type of the server, as asyncpg names it: `int4`, `_`-less and with `[]` for arrays."""

    @property
    def name(self) -> str: ...


class Column(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> Type: ...


class Rows(Protocol):
    """A cursor. The library has no types; what is used of it is said here."""

    async def fetch(self, n: int, *, timeout: float | None = None) -> Sequence[Sequence[object]]: ...


class Statement(Protocol):
    def get_parameters(self) -> Sequence[Type]: ...
    def get_attributes(self) -> Sequence[Column]: ...
    def get_statusmsg(self) -> str | None: ...
    def cursor(self, *args: object) -> Awaitable[Rows]: ...
    async def fetch(self, *args: object) -> Sequence[Sequence[object]]: ...


class Version(Protocol):
    @property
    def major(self) -> int: ...
    @property
    def minor(self) -> int: ...


class Connection(Protocol):
    def get_server_version(self) -> Version: ...
    async def execute(self, query: str, *, timeout: float | None = None) -> str: ...
    async def prepare(self, query: str, *, timeout: float | None = None) -> Statement: ...
    async def set_type_codec(
        self,
        typename: str,
        *,
        schema: str,
        encoder: object,
        decoder: object,
        format: str = "text",  # noqa: A002  # its name there
    ) -> None: ...
    async def close(self, *, timeout: float | None = None) -> None: ...
    def terminate(self) -> None: ...
    def is_closed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A database and who one is there. `sslmode` means what libpq's does; `authority` is a certificate in PEM, the public ones without it."""

    host: str
    database: str
    user: str
    password: str = field(repr=False)
    port: int = 5432
    sslmode: SslMode = "verify-full"
    authority: str | None = None

    def __str__(self) -> str:
        return f"{self.database!r} at {self.host!r}, port {self.port}"


async def connect(guard: Guard, server: PostgresServer, *, timeout: float = LONGEST_CONNECT) -> Connection:
    """A new connection, the caller's to close.

    Raises ModuleError `postgres.blocked`, `postgres.connect`, `postgres.timeout`; AuthExpired when the server refuses user or password;
    asyncpg.PostgresError for what else it refuses.
    """
    failure = ModuleError("postgres.connect", f"the server of {server} can't be reached")
    try:
        async with asyncio.timeout(timeout):
            for address in await guard.addresses(server.host, server.port, Speaks.POSTGRES):
                try:
                    return await _at(address, server)
                except ConnectionRefusedError:
                    failure = ModuleError("postgres.connect", f"the server of {server} refuses connections")
                except ssl.SSLCertVerificationError as error:
                    raise ModuleError(
                        "postgres.connect",
                        f"the certificate of the server of {server} is not trusted: {error.verify_message}",
                        retryable=False,
                    ) from None
                except _NoTls:
                    raise ModuleError(
                        "postgres.connect",
                        f"the server of {server} speaks no TLS, which `sslmode: {server.sslmode}` asks for",
                        retryable=False,
                    ) from None
                except OSError:
                    continue
    except TimeoutError:
        raise ModuleError(
            "postgres.timeout", f"the server of {server} could not be reached within {timeout:g} s"
        ) from None
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        raise AuthExpired(f"the server of {server} refuses the user {server.user!r} or the password") from None
    except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
        raise ModuleError(
            "postgres.connect", f"what answers for {server} hung up, or doesn't speak PostgreSQL's protocol"
        ) from None
    raise failure


_CONNECT = cast("Callable[..., Awaitable[Connection]]", asyncpg.connect)  # pyright: ignore[reportUnknownMemberType]


class _NoTls(Exception):
    """The server declined to speak TLS."""


async def _at(address: str, server: PostgresServer) -> Connection:
    if server.sslmode == "disable":
        return await _open(address, server, None)
    try:
        return await _open(address, server, _tls(server))
    except _NoTls:
        if server.sslmode != "prefer":
            raise
        return await _open(address, server, None)


def _tls(server: PostgresServer) -> ssl.SSLContext:
    """As libpq does: `prefer` and `require` take any certificate, unless an authority is given, which `require` then insists on."""
    verify = server.sslmode in ("verify-ca", "verify-full") or (
        server.sslmode == "require" and server.authority is not None
    )
    try:
        context = NamedContext.of(server.host, verify=verify, authority=server.authority)
    except ValueError as error:
        raise ModuleError("postgres.connect", f"{server} can't be reached by TLS: {error}", retryable=False) from None
    if verify and server.sslmode != "verify-full":
        context.check_hostname = False
    return context


async def _open(address: str, server: PostgresServer, tls: ssl.SSLContext | None) -> Connection:
    try:
        return await _CONNECT(
            host=address,
            port=server.port,
            user=server.user,
            password=server.password,
            database=server.database,
            ssl=tls or False,
            direct_tls=False,
            timeout=None,
            statement_cache_size=0,
            target_session_attrs="any",
            krbsrvname="postgres",
            gsslib="gssapi",
            server_settings={"application_name": "millstream"},
        )
    except ConnectionError as error:
        # asyncpg has no class of its own for a server that answers "no" to the request for TLS; what sockets raise are subclasses
        if type(error) is ConnectionError and tls is not None:
            raise _NoTls from None
        raise
