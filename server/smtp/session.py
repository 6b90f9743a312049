"""One connection to the mail server. The commands are aiosmtpd's; what is said of addresses, how a message is read, and what it costs, is ours.

aiosmtpd's own reading of a message goes line by line, with a limit that mail from the world breaks, and its clock runs from the command on:
see `data.py` for ours. A connection takes one message at a time. Who sends on without waiting for the answer, which isn't offered, is let go.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TypeVar, cast

from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from db.errors import DatabaseUnavailable
from engine.triggers.mail_room import Envelope, Mailroom, Recipient
from server.smtp.data import Data
from server.smtp.door import Door

log = logging.getLogger("millstream.smtp")

T = TypeVar("T")
Finish = Callable[[Coroutine[object, object, T]], "asyncio.Future[T]"]
"""Sees to it that something comes to its end, whatever becomes of the connection."""

_PIECE = 256 * 1024
_CALLS = {"*": 5_000, "NOOP": 100, "VRFY": 20, "HELP": 20, "EXPN": 20}
LATER = "451 4.3.0 It can't be taken now; try again"
_BOUNCE = "<>"
_ADDRESS = re.compile(r"\s*(?:<(?:@[^:<>]*:)?([^<>\x00-\x1f\x7f]{0,320})>|([^\s<>\x00-\x1f\x7f]{1,320}))(|\s.*)")


class Receiver:
    """What a connection's commands do: aiosmtpd calls `handle_…`."""

    def __init__(self, mailroom: Mailroom, door: Door, finish: Finish[bool]) -> None:
        self._mailroom = mailroom
        self._door = door
        self._finish = finish
        self._recipients: list[Recipient] = []

    async def handle_EHLO(  # noqa: N802 - named by aiosmtpd
        self, server: SMTP, session: Session, envelope: SmtpEnvelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: SmtpEnvelope, address: str, options: list[str]
    ) -> str:
        if not self._door.may_bring(peer_of(session)):
            return "450 4.7.1 Too many messages at once; try again later"
        self._recipients = []
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: SmtpEnvelope, address: str, options: list[str]
    ) -> str:
        if len(self._recipients) >= self._door.limits.recipients:
            return "452 4.5.3 Too many recipients"
        loop = asyncio.get_running_loop()
        refused_at = loop.time() + self._door.limits.refused_after
        try:
            found = await self._mailroom.recipient(address)
        except DatabaseUnavailable as error:
            log.info("an address can't be looked up: %s", error)
            return LATER
        if found is not None:
            self._recipients.append(found)
            envelope.rcpt_tos.append(address)
            return "250 OK"
        may = self._door.may_miss(peer_of(session))
        await asyncio.sleep(refused_at - loop.time())
        if may:
            return "550 5.1.1 There is no such address here"
        assert server.transport is not None
        asyncio.get_running_loop().call_soon(server.transport.close)
        return "421 4.7.1 Too many addresses that there aren't"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: SmtpEnvelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        sender = envelope.mail_from
        known = Envelope(
            sender=None if sender == _BOUNCE else sender,
            recipients=tuple(self._recipients),
            received_at=datetime.now(UTC),
            peer=peer_of(session),
            helo=session.host_name,
            tls=session.ssl is not None,
        )
        try:
            taken = await self._finish(self._mailroom.take(known, envelope.content))
        except DatabaseUnavailable as error:
            log.info("a mail can't be kept: %s", error)
            return LATER
        return "250 2.0.0 OK" if taken else "550 5.7.1 Nobody here takes mail from this sender"

    async def handle_exception(self, error: Exception) -> str:
        log.warning("a command failed: %s", type(error).__name__, exc_info=error)
        return LATER


class Connection(SMTP):
    """`opened` has those that are open now."""

    def __init__(
        self, mailroom: Mailroom, door: Door, tls: ssl.SSLContext | None, finish: Finish[bool], opened: set[Connection]
    ) -> None:
        self._door = door
        self._opened = opened
        self._place: str | None = None
        self._receiver = Receiver(mailroom, door, finish)
        super().__init__(
            self._receiver,
            data_size_limit=door.limits.size,
            enable_SMTPUTF8=True,
            hostname=mailroom.domain,
            ident="ESMTP",
            tls_context=tls,
            timeout=door.limits.idle,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=_CALLS,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd shares these among all connections, and each EHLO raises them.
        self.command_size_limits = defaultdict(lambda: 2 * self.command_size_limit)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._place is None:  # else it is the same one, encrypted from now on
            peer = str(transport.get_extra_info("peername")[0])
            if not self._door.enter(peer):
                assert isinstance(transport, asyncio.WriteTransport)
                transport.write(b"421 4.7.0 Too many connections; try again later\r\n")
                transport.close()
                return
            self._place = peer
            self._opened.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._place is not None and self in self._opened:
            self._opened.discard(self)
            self._door.leave(self._place)
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._place is not None else None

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The address and what follows it. aiosmtpd would ask a parser for headers, which raises whatever comes to its mind."""
        found = _ADDRESS.fullmatch(arg)
        if found is None:
            return None, None
        inside, bare, rest = found.groups()
        return (_BOUNCE if inside == "" else inside or bare), rest.strip()

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - named by aiosmtpd
        envelope, session = self.envelope, self.session
        if await self.check_helo_needed():
            return
        assert envelope is not None
        assert session is not None
        if not envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        data = Data(self._door.limits.size)
        held = 0
        try:
            held, crowded = await self._receive(data)
            if not data.done:
                return
            if data.too_large:
                await self.push(
                    "452 4.3.1 Too many messages are on their way; try again later"
                    if crowded
                    else f"552 5.3.4 The message is larger than {self._door.limits.size // 2**20} MB"
                )
            else:
                envelope.content = data.message()
                status = await self._receiver.handle_DATA(self, session, envelope)
                await self.push(status)
        finally:
            self._door.let_go(held)
            self._set_post_data_state()
        if data.rest:
            await self._end("421 4.7.0 Commands came before the answer that they had to wait for")

    async def _receive(self, data: Data) -> tuple[int, bool]:
        """To the message's end, or as far as the sender lets it come: the bytes that are held for it, and whether there was no room for more."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._door.limits.message
        held, crowded = 0, False
        try:
            while not data.done:
                piece = await self._reader.read(_PIECE)
                if not piece:
                    break
                self._reset_timeout(max(0.0, min(self._door.limits.idle, give_up - loop.time())) or 1e-3)
                if not data.too_large:
                    if self._door.hold(len(piece)):
                        held += len(piece)
                    else:
                        crowded = True
                        data.give_up()
                data.feed(piece)
                if data.received > 4 * self._door.limits.size:
                    await self._end("552 5.3.4 The message is far too large")
                    break
        except BaseException:
            self._door.let_go(held)
            raise
        return held, crowded

    def end(self) -> None:
        """It is cut off, with what it was told already."""
        if self.transport is not None:
            self.transport.close()

    async def _end(self, said: str) -> None:
        await self.push(said)
        self.end()


def peer_of(session: Session) -> str:
    peer = cast("tuple[object, ...] | str | None", session.peer)
    return str(peer[0]) if isinstance(peer, tuple) else str(peer)
