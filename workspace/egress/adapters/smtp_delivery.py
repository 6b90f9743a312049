"""Handing one message to a mail server, over a client of `smtp.connected`: for all recipients or for none.

    MAIL FROM ── RCPT TO, each ── all taken ── DATA ── 250: it is the server's
                      └─ some refused ── RSET: nothing was sent, `smtp.recipients` says which

Rejected: sending to those who are taken and failing afterwards. The step could then neither be tried again nor be repaired by
another one without somebody getting the mail twice. A refusal that may pass (4xx, as of greylisting) is tried again whole, since
nobody has got anything.

When the connection breaks after the message went out, nobody knows whether the server took it. It is sent again then, under the
same message id.
"""

from __future__ import annotations

from collections.abc import Sequence

import aiosmtplib

from modules.sdk.json import Json
from modules.sdk.verdicts import AuthExpired, ModuleError, Rejected

_LONGEST_WORDS = 500


async def sign_in(client: aiosmtplib.SMTP, host: str, user: str, password: str) -> None:
    """Raises AuthExpired, ModuleError `smtp.connect`, `smtp.timeout`, `smtp.<code>`, `smtp.unsupported`."""
    try:
        await client.login(user, password)
    except aiosmtplib.SMTPAuthenticationError as error:
        if error.code < 500:
            raise _refused(host, "the sign-in", error) from None
        raise AuthExpired(f"the mail server {host!r} refuses the user or the password") from None
    except (aiosmtplib.SMTPException, OSError) as error:
        if type(error) is aiosmtplib.SMTPException:  # the library's word for what the server doesn't offer
            raise Rejected("smtp.unsupported", f"the mail server {host!r} offers no way to sign in") from None
        raise _failure(host, "the sign-in", error) from None


async def deliver(
    client: aiosmtplib.SMTP, host: str, sender: str, recipients: Sequence[str], message: bytes, *, utf8: bool
) -> None:
    """`message` has CRLF line ends. `utf8`: an address isn't in ASCII. Raises ModuleError as `Mail.send` says."""
    doing = "the greeting"
    try:
        await _greet(client)
        if utf8 and not client.supports_extension("smtputf8"):
            raise Rejected(
                "smtp.unsupported", f"the mail server {host!r} takes no addresses with letters beyond ASCII (SMTPUTF8)"
            )
        options = [f"SIZE={len(message)}"] if client.supports_extension("size") else []
        options += ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
        encoding = "utf-8" if utf8 else "ascii"
        doing = f"the sender {sender!r}"
        await client.mail(sender, options=options, encoding=encoding)
        doing = "a recipient"
        refused: list[aiosmtplib.SMTPRecipientRefused] = []
        for recipient in recipients:
            try:
                await client.rcpt(recipient, encoding=encoding)
            except aiosmtplib.SMTPRecipientRefused as error:
                refused.append(error)
        if refused:
            raise _recipients(host, refused, len(recipients))
        doing = "the message"
        await client.data(message)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _failure(host, doing, error) from None


async def leave(client: aiosmtplib.SMTP) -> None:
    """Says goodbye, as servers expect. What was to be done is done: nothing that happens now changes it."""
    try:
        await client.quit(timeout=5.0)
    except (aiosmtplib.SMTPException, OSError):
        client.close()


async def _greet(client: aiosmtplib.SMTP) -> None:
    """Unless the sign-in has done so: what the server can do is known afterwards."""
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            await client.helo()


def _recipients(host: str, refused: Sequence[aiosmtplib.SMTPRecipientRefused], count: int) -> ModuleError:
    first = refused[0]
    listed: list[Json] = [
        {"address": each.recipient, "code": each.code, "text": _words(each.message)} for each in refused
    ]
    return ModuleError(
        "smtp.recipients",
        f"the mail server {host!r} refuses {len(refused)} of {count} recipients, so nothing was sent: "
        f"{first.recipient!r}: {first.code} {_words(first.message)}",
        details={"refused": listed},
        retryable=all(400 <= each.code < 500 for each in refused),
    )


def _failure(host: str, doing: str, error: Exception) -> ModuleError:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _refused(host, doing, error)
    if isinstance(error, TimeoutError):
        return ModuleError("smtp.timeout", f"the mail server {host!r} gave no answer to {doing} in time")
    return ModuleError("smtp.connect", f"the mail server {host!r} broke off at {doing}", retryable=True)


def _refused(host: str, doing: str, error: aiosmtplib.SMTPResponseException) -> ModuleError:
    """By the server's own code; the library says -1 where an answer is none."""
    if not 200 <= error.code <= 599:
        return ModuleError("smtp.connect", f"what answers as {host!r} is no mail server", retryable=True)
    return ModuleError(
        f"smtp.{error.code}",
        f"the mail server {host!r} refuses {doing}: {error.code} {_words(error.message)}",
        details={"code": error.code, "text": _words(error.message)},
        retryable=400 <= error.code < 500,
    )


def _words(text: str) -> str:
    """What a server said, on one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_LONGEST_WORDS]
