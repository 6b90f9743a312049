"""Mail through a connection of the kind `smtp`: what a step is given as `context.mail`.

A mail is held whole while it is sent, three times over at most (files, message, what the client library makes of it), so large ones take
turns: `_LARGE_AT_ONCE` in a process. A step waits for its turn within its own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from typing import Literal

from modules.sdk.closed import ClosedMail
from modules.sdk.json import Json
from modules.sdk.mail import MOST_ATTACHED, MOST_RECIPIENTS, Attachment, Letter, Mail
from modules.sdk.mailboxes import Mailbox, mailbox_of
from modules.sdk.verdicts import Rejected
from workspace.connections.opening import Opened
from workspace.egress.adapters import smtp
from workspace.egress.adapters.smtp_delivery import deliver, leave, sign_in
from workspace.egress.guard import Guard
from workspace.mail.message import compose, message_id_of

_LARGE = 2**20
_LARGE_AT_ONCE = 3
_TLS: dict[Json, Literal["none", "starttls", "implicit"]] = {"none": "none", "starttls": "starttls", "tls": "implicit"}


def mail_over(guard: Guard, own_domain: str) -> Callable[[Opened], Mail]:
    """`own_domain`: the installation's, in message ids; `localhost` names nothing, so the sender's is taken then."""
    room = asyncio.Semaphore(_LARGE_AT_ONCE)

    def mail(opened: Opened) -> Mail:
        if opened.about.kind != "smtp":
            return ClosedMail(
                "connection.kind",
                f"the connection {opened.about.name!r} is of the kind {opened.about.kind!r}, not 'smtp'",
            )
        return Outgoing(guard, opened, own_domain, room)

    return mail


class Outgoing:
    """Implements `Mail` for one attempt."""

    def __init__(self, guard: Guard, opened: Opened, own_domain: str, room: asyncio.Semaphore) -> None:
        self._guard = guard
        self._opened = opened
        self._own_domain = own_domain
        self._room = room

    async def send(self, letter: Letter, *, operation: str, timeout: float) -> str:
        sender = letter.sender or self._sender()
        recipients = list(dict.fromkeys(box.address for box in (*letter.to, *letter.cc, *letter.bcc)))
        if not letter.to or len(recipients) > MOST_RECIPIENTS:
            raise Rejected("input.invalid", f"a mail goes to 1 to {MOST_RECIPIENTS} recipients, not {len(recipients)}")
        size = sum(each.size for each in letter.attachments)
        if size > MOST_ATTACHED:
            raise Rejected(
                "payload.too_large",
                f"the attachments have {size:,} bytes together, at most {MOST_ATTACHED:,} are allowed: send a link",
            )
        size += len(letter.text or "") + len(letter.html or "")
        turn: AbstractAsyncContextManager[object] = self._room if size > _LARGE else nullcontext()
        own = sender.domain if self._own_domain == "localhost" else self._own_domain
        message_id = message_id_of(operation, own)
        async with turn:
            contents = [await _content(each) for each in letter.attachments]
            now = datetime.now(UTC)
            message = await asyncio.to_thread(compose, letter, sender, message_id, now, contents)
            del contents
            await self._deliver(sender.address, recipients, message, timeout)
        return message_id

    async def _deliver(self, sender: str, recipients: list[str], message: bytes, timeout: float) -> None:
        config, secret = self._opened.about.config, self._opened.secret
        host, port = str(config["host"]), config.get("port", 465)
        utf8 = not all(address.isascii() for address in (sender, *recipients)) or not message.isascii()
        async with smtp.connected(
            self._guard,
            host,
            port if isinstance(port, int) else 465,
            tls=_TLS[config.get("tls", "tls")],
            own_name=self._own_domain,
            timeout=timeout,
        ) as client:
            if "username" in config:
                await sign_in(client, host, str(config["username"]), str(secret.get("password", "")))
            await deliver(client, host, sender, recipients, message, utf8=utf8)
            await leave(client)

    def _sender(self) -> Mailbox:
        config = self._opened.about.config
        for said in (config.get("from"), config.get("username")):
            if isinstance(said, str) and "@" in said:
                return mailbox_of(said, "from")
        raise Rejected(
            "input.invalid", f"the connection {self._opened.about.name!r} has no `from`: give it one, or the step"
        )


async def _content(file: Attachment) -> bytes:
    pieces = [piece async for piece in file.open()]
    return b"".join(pieces)
