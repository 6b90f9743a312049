"""Servers with mailboxes, that no fault reaches: a real one in a process of its own, and one that never says a word."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.embedded.ports import free_port

USER, PASSWORD = "tour", "of the tour"


@dataclass(frozen=True, slots=True)
class MailServers:
    """Their ports on this machine."""

    real: int
    silent: int

    async def put(self, mailbox: str, *mails: bytes) -> None:
        """Mails come into a mailbox, which is made where there is none."""

        def work() -> None:
            with imaplib.IMAP4("127.0.0.1", self.real, timeout=30) as client:
                client.login(USER, PASSWORD)
                client.create(mailbox)
                for mail in mails:
                    client.append(mailbox, "", "", mail)

        await asyncio.to_thread(work)


@asynccontextmanager
async def mail_servers() -> AsyncGenerator[MailServers]:
    real = free_port()
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("pymap"),
            *("--host", "127.0.0.1", "--port", str(real), "--no-tls", "--no-service", "sieve"),
            *("dict", "--demo-data", "--demo-user", USER, "--demo-password", PASSWORD),
            cwd=folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _up(process, real)
            yield MailServers(real, silent.sockets[0].getsockname()[1])
        finally:
            silent.close()
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _up(process: asyncio.subprocess.Process, port: int) -> None:
    while process.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the server of mailboxes ended before it was up")


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
