"""Mailboxes of connections, looked at again and again: each new mail is an event in the inbox, as one that came to the trigger's address.

Model. A mailbox is due, is held by one process for a while under an epoch, is read, and is due again later. A mail's event and how far the
mailbox was read are one commit, which counts only under the epoch: each mail once, whoever dies, and whoever stood still and comes back.

    first look, or another user   only finds where the end is: what lay there before starts nothing
    numbers are others now        (`UIDVALIDITY`) what came since a day before the last look is taken again; the inbox knows most of it
    a mail too large              is not fetched; the inbox says so
    more than `MOST_MAILS`        the next look follows, after those of the others that are due
    anything refused, away, slow  `failing`, with the reason, and looked at again later each time, up to a quarter of an hour

Rejected: `IDLE`, which holds a connection open for each mailbox to save half a minute; and marking mails in the mailbox as the only memory of
what was taken: people read their mail, and a flag isn't part of our commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from db import email_routes, mailboxes
from db.connection import Connection
from db.email_routes import EmailRoute
from db.errors import DatabaseUnavailable
from db.mailboxes import HeldMailbox, HowFar
from db.pool import Database
from engine.hub import Hub
from engine.stale import StaleWrites
from engine.triggers.mail_room import LARGEST, Envelope, Mailroom, Recipient
from engine.triggers.rounds import Rounds, again_after
from modules.email.mime.charsets import text_of
from modules.email.mime.head import first_fields
from modules.sdk.verdicts import ModuleError
from workspace.connections.opening import Opened, Opener
from workspace.mail.incoming import OpenMailbox
from workspace.secrets.used import Used, UsedByRuns

log = logging.getLogger("millstream.mailboxes")

OpenAt: TypeAlias = "Callable[[Opened, str, bool], AbstractAsyncContextManager[OpenMailbox]]"
"""A connection's mailbox by its name, and whether anything is written there."""

LEASE_S = 30.0
AT_ONCE = 8
MOST_MAILS = 100
_SLOWEST_S = 240.0
"""For one mail."""
_LONGEST_S = 900.0


class _Lost(Exception):
    """Somebody else holds the mailbox, or the trigger doesn't read it any more."""


@dataclass(frozen=True, slots=True)
class _Look:
    """`clock` ends it, unless it is put on."""

    held: HeldMailbox
    route: EmailRoute
    opened: Opened
    box: OpenMailbox
    clock: asyncio.Timeout

    @property
    def user(self) -> str:
        user = self.opened.about.config.get("username")
        return user if isinstance(user, str) else ""

    def begins(self) -> HowFar:
        held, validity = self.held, self.box.validity
        if held.looked_at is None or held.account != self.user:
            return HowFar(self.user, validity, self.box.last)
        if held.uid_validity == validity:
            return HowFar(self.user, validity, held.last_uid, held.since)
        day = (held.looked_at - timedelta(days=1)).date()
        return HowFar(self.user, validity, 0, min(day, held.since or day))


class MailPoller:
    """One per process. `run` does the work."""

    def __init__(
        self,
        db: Database,
        hub: Hub,
        mailroom: Mailroom,
        opener: Opener,
        open_at: OpenAt,
        used: UsedByRuns,
        stale: StaleWrites | None = None,
    ) -> None:
        self._db = db
        self._mailroom = mailroom
        self._opener = opener
        self._open_at = open_at
        self._used = used
        self._stale = stale or StaleWrites()
        self._rounds = Rounds(hub, self.round, self._next_due, log, "the mailboxes", AT_ONCE)

    async def run(self) -> None:
        """Until cancelled. What was held then runs out."""
        await self._rounds.run()

    async def round(self) -> bool:
        """Looks at one that is due; gives whether there was any. Raises `DatabaseUnavailable`."""
        async with self._db.engine() as conn:
            taken = await mailboxes.take(conn, 1, LEASE_S)
        for held in taken:
            await self._look(held)
        return bool(taken)

    async def _next_due(self) -> datetime | None:
        async with self._db.single() as conn:
            return await mailboxes.next_due(conn)

    async def _look(self, held: HeldMailbox) -> None:
        used = self._used.of(f"mailbox {held.route_id}")
        try:
            async with self._kept(held):
                more = await self._read(held, used)
            await self._good(held, 0.0 if more else held.every_s)
        except _Lost:
            self._stale.refused("mailbox", held.route_id, held.lease_epoch)
        except DatabaseUnavailable:
            raise
        except ModuleError as error:
            await self._failed(held, used.redactor().text(error.message))
        except TimeoutError:
            await self._failed(held, f"the mail server took more than {_SLOWEST_S:g} s for one mail")
        except Exception:
            log.exception("the mailbox of the route %s could not be read", held.route_id)
            await self._failed(held, "a fault of the engine; its log says more")

    @asynccontextmanager
    async def _kept(self, held: HeldMailbox) -> AsyncGenerator[None]:
        """Nobody else takes it meanwhile, so that a large mail may take its time and what a dead process held is soon free."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(LEASE_S / 3)
                with contextlib.suppress(DatabaseUnavailable):
                    async with self._db.engine(held.workspace_id) as conn:
                        await mailboxes.keep(conn, held, LEASE_S)

        keeping = asyncio.create_task(keep(), name=f"mailbox {held.route_id}")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _read(self, held: HeldMailbox, used: Used) -> bool:
        """Whether there is more. Raises ModuleError, `TimeoutError`, `_Lost`, `DatabaseUnavailable`."""
        async with self._db.engine(held.workspace_id) as conn:
            route = await email_routes.get(conn, held.workspace_id, held.route_id)
        if route is None:
            raise _Lost
        opened = await self._opener.open(held.workspace_id, held.connection, used.add)
        async with (
            asyncio.timeout(_SLOWEST_S) as clock,
            self._open_at(opened, held.mailbox, held.afterwards == "seen") as box,
        ):
            return await self._take(_Look(held, route, opened, box, clock))

    async def _take(self, look: _Look) -> bool:
        start = look.begins()
        far, since, taken = start.last_uid, start.since, 0
        held = look.held
        before = (held.account, held.uid_validity, held.last_uid, held.since)
        if far >= look.box.last and before != (look.user, look.box.validity, far, None):
            await self._advance(look, far, None)
        while far < look.box.last:
            found = await look.box.after(far, since)
            for uid in found.uids:
                if taken == MOST_MAILS:
                    return True
                await self._fetch(look, uid, since)
                taken += 1
            far = found.until
            await self._advance(look, far, since if far < look.box.last else None)
        return False

    async def _fetch(self, look: _Look, uid: int, since: date | None) -> None:
        async def read_so_far(conn: Connection) -> None:
            await self._hold(conn, look, uid, since)

        size = await look.box.size(uid)
        whole = None if size is None or size > LARGEST else await look.box.message(uid)
        if size is None or (whole is None and size <= LARGEST):
            return  # somebody took it away
        given = None if whole is None else first_fields(whole).first("delivered-to")
        recipient = Recipient(text_of(given, None)[:320] if given else look.user or look.held.mailbox, look.route)
        host = str(look.opened.about.config["host"])
        envelope = Envelope(sender="", recipients=[recipient], received_at=datetime.now(UTC), peer=host)
        if whole is not None and len(whole) <= LARGEST:
            await self._mailroom.take_fetched(recipient, envelope, whole, read_so_far)
        else:
            reason = f"It lies in the mailbox {look.held.mailbox!r} and is larger than {LARGEST // 2**20} MB."
            await self._mailroom.turn_away(recipient, envelope, max(size, len(whole or b"")), reason, read_so_far)
        if look.held.afterwards == "seen":
            await look.box.mark_seen(uid)

    async def _advance(self, look: _Look, uid: int, since: date | None) -> None:
        async with self._db.engine(look.held.workspace_id) as conn:
            await self._hold(conn, look, uid, since)

    @staticmethod
    async def _hold(conn: Connection, look: _Look, uid: int, since: date | None) -> None:
        far = HowFar(look.user, look.box.validity, uid, since)
        if not await mailboxes.advance(conn, look.held, far):
            raise _Lost
        look.clock.reschedule(asyncio.get_running_loop().time() + _SLOWEST_S)

    async def _good(self, held: HeldMailbox, after_s: float) -> None:
        await self._let_go(held, "ok", None, 0, after_s)

    async def _failed(self, held: HeldMailbox, reason: str) -> None:
        again = again_after(held.every_s, held.failures, _LONGEST_S)
        await self._let_go(held, "failing", reason, held.failures + 1, again)

    async def _let_go(
        self, held: HeldMailbox, state: mailboxes.MailboxState, reason: str | None, failures: int, after_s: float
    ) -> None:
        async with self._db.engine(held.workspace_id) as conn:
            done = await mailboxes.let_go(conn, held, state, reason, failures=failures, after_s=after_s)
        if not done:
            self._stale.refused("mailbox", held.route_id, held.lease_epoch)
