"""imaplib over the guard: it is given a connected socket, already inside TLS where that is asked for, and opens none itself.

Rejected: aioimaplib, whose licence (GPL) can't go with the product's; aioimap and the like, which connect by name and have no seam for a
socket. imaplib blocks, so every use of the client is in a thread. It believes what a server says about the length of what comes, so that is
bounded here; and who is called off in the middle of a call must wake its thread, which waits for the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias, TypeVar

from modules.sdk.verdicts import ModuleError
from workspace.egress.adapters.tls import NamedContext
from workspace.egress.guard import LONGEST_CONNECT, Guard
from workspace.egress.policy import Speaks

Tls: TypeAlias = Literal["none", "starttls", "implicit"]
T = TypeVar("T")

LARGEST_ANSWER = 64 * 2**20
"""Bytes that a server may say in answer to one call."""


class Imap:
    """A client after its greeting. `call` runs a function with it in a thread, one at a time."""

    def __init__(self, client: Pinned) -> None:
        self._client = client
        self._one = asyncio.Lock()

    async def call(self, work: Callable[[imaplib.IMAP4], T]) -> T:
        """Raises what `work` does: imaplib.IMAP4.error, OSError, TimeoutError after the time limit of one answer."""
        async with self._one:
            self._client.heard = 0
            return await asyncio.to_thread(work, self._client)


@asynccontextmanager
async def connected(
    guard: Guard, host: str, port: int, *, tls: Tls, timeout: float = 60.0, authority: str | None = None
) -> AsyncGenerator[Imap]:
    """A client after its greeting and, unless `tls` is `none`, inside TLS; not signed in. It is closed at the end.

    `timeout` is for each answer. `authority`: certificates in PEM that are trusted instead of the public ones. Raises ModuleError
    `imap.blocked`,
    `imap.connect`, `imap.timeout`.
    """
    made = await guard.connect(host, port, Speaks.IMAP, timeout=min(timeout, LONGEST_CONNECT))
    try:
        context = None if tls == "none" else NamedContext.of(host, authority=authority)
        client = await asyncio.to_thread(_greeted, made, host, port, tls, timeout, context)
    except TimeoutError:
        raise ModuleError("imap.timeout", f"{host!r}, port {port}, gave no greeting within {timeout:g} s") from None
    except ssl.SSLCertVerificationError as error:
        message = f"the certificate of {host!r} is not trusted: {error.verify_message}"
        raise ModuleError("imap.connect", message, retryable=False) from None
    except ValueError:
        raise ModuleError("imap.connect", f"the authority for {host!r} isn't in PEM", retryable=False) from None
    except (imaplib.IMAP4.error, OSError):
        raise ModuleError("imap.connect", f"{host!r}, port {port}, doesn't answer as a mail server does") from None
    finally:
        made.close()
    try:
        yield Imap(client)
    finally:
        await asyncio.to_thread(_close, client)


def _close(client: Pinned) -> None:
    # Closing waits for whoever reads, so that one is woken first.
    with contextlib.suppress(OSError):
        client.sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        client.shutdown()


class Pinned(imaplib.IMAP4):
    """Takes the socket that it is given, where the library would connect by name."""

    def __init__(self, made: socket.socket, host: str, port: int, timeout: float) -> None:
        self._made = made
        self.heard = 0
        """Bytes, since the last call began."""
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        self._made.settimeout(timeout)
        return self._made

    def read(self, size: int) -> bytes:
        self._hear(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._hear(len(line))
        return line

    def _hear(self, count: int) -> None:
        self.heard += count
        if self.heard > LARGEST_ANSWER:
            raise self.abort(f"an answer of more than {LARGEST_ANSWER} bytes")


def _greeted(
    made: socket.socket, host: str, port: int, tls: Tls, timeout: float, context: ssl.SSLContext | None
) -> Pinned:
    own = made.dup()  # the caller closes the one that it gave, whatever became of this
    try:
        own.settimeout(timeout)
        if context is not None and tls == "implicit":
            own = context.wrap_socket(own, server_hostname=host)
        client = Pinned(own, host, port, timeout)
        if context is not None and tls == "starttls":
            client.starttls(context)
    except BaseException:
        own.close()
        raise
    return client
