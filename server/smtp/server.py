"""The mail server of the API's process: where it listens, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from engine.triggers.mail_room import Mailroom
from server.smtp.door import Door, Limits
from server.smtp.session import Connection

GRACE_S = 5.0
"""For messages that are being kept when the server is told to stop."""


class BadCertificate(Exception):
    """The files hold no certificate with its key."""


def tls_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """Raises `BadCertificate`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(f"{str(certificate)!r} with {str(key)!r}: {error}") from None
    return context


@asynccontextmanager
async def mail_server(
    mailroom: Mailroom, host: str, port: int, *, tls: ssl.SSLContext | None = None, limits: Limits | None = None
) -> AsyncGenerator[int]:
    """It listens while the block runs; gives its port, where 0 was asked for too. Raises `OSError`."""
    # At each command and line it would tell what a sender wrote.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    door = Door(limits or Limits())
    loop = asyncio.get_running_loop()
    opened: set[Connection] = set()
    keeping: set[asyncio.Task[bool]] = set()

    def finish(work: Coroutine[object, object, bool]) -> asyncio.Future[bool]:
        task = loop.create_task(work)
        keeping.add(task)
        task.add_done_callback(keeping.discard)
        return asyncio.shield(task)

    server = await loop.create_server(lambda: Connection(mailroom, door, tls, finish, opened), host, port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        if keeping:
            await asyncio.wait(keeping, timeout=GRACE_S)
        for connection in list(opened):
            connection.end()
        await asyncio.sleep(0)  # they are told in the loop's next round
