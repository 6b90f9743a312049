"""Whether a mail server takes a connection's credential: signs in, and out again."""

from __future__ import annotations

import imaplib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias, TypeVar

import aiosmtplib

from modules.sdk.verdicts import AuthExpired, ModuleError
from workspace.connections.opening import Opened
from workspace.egress.adapters import imap, smtp
from workspace.egress.adapters.imap import Imap
from workspace.egress.guard import Guard

Handshake: TypeAlias = Callable[[Opened, float], Awaitable[str]]
T = TypeVar("T")
_TLS: dict[str, Literal["none", "starttls", "implicit"]] = {"none": "none", "starttls": "starttls", "tls": "implicit"}


def smtp_handshake(guard: Guard) -> Handshake:
    async def sign_in(opened: Opened, timeout: float) -> str:
        config = opened.about.config
        host, port, tls = _server(opened, 465)
        async with smtp.connected(guard, host, port, tls=tls, timeout=timeout) as client:
            try:
                if "username" in config:
                    await client.login(str(config["username"]), str(opened.secret.get("password", "")))
                else:
                    await client.ehlo()
            except aiosmtplib.SMTPAuthenticationError:
                raise AuthExpired(f"the mail server {host!r} refuses the user or the password") from None
            except aiosmtplib.SMTPException:
                raise ModuleError("smtp.connect", f"the mail server {host!r} breaks off") from None
        return "SMTP"

    return sign_in


def imap_handshake(guard: Guard) -> Handshake:
    async def sign_in(opened: Opened, timeout: float) -> str:
        async with imap_signed_in(guard, opened, timeout) as client:
            await asked(client, opened, lambda each: each.noop())
        return "IMAP"

    return sign_in


@asynccontextmanager
async def imap_signed_in(guard: Guard, opened: Opened, timeout: float) -> AsyncGenerator[Imap]:
    """A client of the connection's server, signed in where the connection has a user. `timeout`: of each answer.

    Raises `AuthExpired`, ModuleError `imap.…`.
    """
    config = opened.about.config
    host, port, tls = _server(opened, 993)
    async with imap.connected(guard, host, port, tls=tls, timeout=timeout) as client:
        if "username" in config:
            user, password = str(config["username"]), str(opened.secret.get("password", ""))
            try:
                await client.call(lambda each: each.login(user, password))
            except (imaplib.IMAP4.abort, OSError):
                raise _breaks_off(host) from None
            except imaplib.IMAP4.error:
                raise AuthExpired(f"the mail server {host!r} refuses the user or the password") from None
        yield client


async def asked(client: Imap, opened: Opened, work: Callable[[imaplib.IMAP4], T]) -> T:
    """What it does with the server. Raises ModuleError `imap.connect`, also for an answer that can't be read."""
    try:
        return await client.call(work)
    except imaplib.IMAP4.readonly:
        host = str(opened.about.config["host"])
        raise ModuleError("imap.refused", f"the mail server {host!r} lets nobody write into this mailbox") from None
    except (imaplib.IMAP4.error, OSError):
        raise _breaks_off(str(opened.about.config["host"])) from None


def _breaks_off(host: str) -> ModuleError:
    return ModuleError("imap.connect", f"the mail server {host!r} breaks off")


def _server(opened: Opened, usual: int) -> tuple[str, int, Literal["none", "starttls", "implicit"]]:
    config = opened.about.config
    port = config.get("port", usual)
    return str(config["host"]), port if isinstance(port, int) else usual, _TLS[str(config.get("tls", "tls"))]
