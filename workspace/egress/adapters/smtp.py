"""aiosmtplib over the guard: it is given a connected socket, and the name for TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import aiosmtplib

from modules.sdk.verdicts import ModuleError
from workspace.egress.adapters.tls import NamedContext
from workspace.egress.guard import LONGEST_CONNECT, Guard
from workspace.egress.policy import Speaks

Tls: TypeAlias = Literal["none", "starttls", "implicit"]


@asynccontextmanager
async def connected(
    guard: Guard,
    host: str,
    port: int,
    *,
    tls: Tls,
    own_name: str = "localhost",
    timeout: float = 60.0,
    authority: str | None = None,
) -> AsyncGenerator[aiosmtplib.SMTP]:
    """A client after its greeting and, unless `tls` is `none`, inside TLS; not signed in. It is closed at the end.

    `timeout` is for each command, `own_name` how the client calls itself. `authority`: certificates in PEM that are trusted
    instead of the public ones. Raises ModuleError `smtp.blocked`,
    `smtp.connect`, `smtp.timeout`; aiosmtplib.SMTPException for what the block does.
    """
    made = await guard.connect(host, port, Speaks.SMTP, timeout=min(timeout, LONGEST_CONNECT))
    try:
        context = None if tls == "none" else NamedContext.of(host, authority=authority)
    except ValueError:
        made.close()
        raise ModuleError("smtp.connect", f"the authority for {host!r} isn't in PEM", retryable=False) from None
    client = aiosmtplib.SMTP(
        hostname=host,
        port=None,
        sock=made,
        local_hostname=own_name,
        timeout=timeout,
        use_tls=tls == "implicit",
        start_tls=tls == "starttls",
        tls_context=context,
    )
    try:
        try:
            async with asyncio.timeout(timeout):
                await client.connect()
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise ModuleError("smtp.timeout", f"{host!r}, port {port}, gave no greeting within {timeout:g} s") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _failure(host, port, error) from None
        yield client
    finally:
        client.close()  # the socket with it: it belongs to the client's transport, and must not be closed under it


def _failure(host: str, port: int, error: BaseException) -> ModuleError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            message = f"the certificate of {host!r} is not trusted: {cause.verify_message}"
            return ModuleError("smtp.connect", message, retryable=False)
        cause = cause.__cause__ or cause.__context__
    return ModuleError("smtp.connect", f"{host!r}, port {port}, doesn't answer as a mail server does")
