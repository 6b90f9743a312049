"""imaplib over the guard: it is given a connected socket, already inside TLS where that is asked for, and opens none itself.

Rejected: aioimaplib, whose licence (GPL) can't go with the product's; aioimap and the like, which connect by name and have no seam for a
socket. imaplib blocks, so every use of the client is in a thread.
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


class Imap:
    """A client after its greeting. `call` runs a function with it in a thread, one at a time."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._client = client
        self._one = asyncio.Lock()

    async def call(self, work: Callable[[imaplib.IMAP4], T]) -> T:
        """Raises what `work` does: imaplib.IMAP4.error, OSError, TimeoutError after the time limit of one answer."""
        async with self._one:
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
        with contextlib.suppress(OSError):
            await asyncio.to_thread(client.shutdown)


class _Pinned(imaplib.IMAP4):
    """Takes the socket that it is given, where the library would connect by name."""

    def __init__(self, made: socket.socket, host: str, port: int, timeout: float) -> None:
        self._made = made
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        self._made.settimeout(timeout)
        return self._made


def _greeted(
    made: socket.socket, host: str, port: int, tls: Tls, timeout: float, context: ssl.SSLContext | None
) -> imaplib.IMAP4:
    own = made.dup()  # the caller closes the one that it gave, whatever became of this
    try:
        own.settimeout(timeout)
        if context is not None and tls == "implicit":
            own = context.wrap_socket(own, server_hostname=host)
        client = _Pinned(own, host, port, timeout)
        if context is not None and tls == "starttls":
            client.starttls(context)
    except BaseException:
        own.close()
        raise
    return client
