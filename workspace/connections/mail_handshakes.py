"""Whether a mail server takes a connection's credential: signs in, and out again."""

from __future__ import annotations

import imaplib
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

import aiosmtplib

from modules.sdk.verdicts import AuthExpired, ModuleError
from workspace.connections.opening import Opened
from workspace.egress.adapters import imap, smtp
from workspace.egress.guard import Guard

Handshake: TypeAlias = Callable[[Opened, float], Awaitable[str]]
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
        config = opened.about.config
        host, port, tls = _server(opened, 993)
        async with imap.connected(guard, host, port, tls=tls, timeout=timeout) as client:
            try:
                if "username" in config:
                    user, password = str(config["username"]), str(opened.secret.get("password", ""))
                    await client.call(lambda each: each.login(user, password))
                else:
                    await client.call(lambda each: each.noop())
            except (imaplib.IMAP4.abort, OSError):
                raise ModuleError("imap.connect", f"the mail server {host!r} breaks off") from None
            except imaplib.IMAP4.error:
                raise AuthExpired(f"the mail server {host!r} refuses the user or the password") from None
        return "IMAP"

    return sign_in


def _server(opened: Opened, usual: int) -> tuple[str, int, Literal["none", "starttls", "implicit"]]:
    config = opened.about.config
    port = config.get("port", usual)
    return str(config["host"]), port if isinstance(port, int) else usual, _TLS[str(config.get("tls", "tls"))]
