"""From a mail at the door to events in the inbox: whose it is, and that it is kept before anybody says so.

A message to several addresses is one event for each trigger, and one commit for each workspace, all before the sender hears that it was taken.
Where the second workspace's commit fails, the sender tries again, and the first one's events are duplicates then: by the `Message-ID`, which a
sender keeps; a mail without one is known by its bytes, and only for as long as a sender would try.

What may not start a run is told apart here by the first lines of the head: a bounce, an automatic answer, a mail of our own, a sender whom
`allow_from` doesn't name. `From` is what counts for that, as what people read and write down: the envelope's sender belongs to whoever
transports (`bounces+4711@mailer.example`), and neither is proof. The rest is read later, by `mail_reader.py`, in a process of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from db import email_routes
from db.connection import Connection
from db.email_routes import EmailRoute
from db.ids import EventId, WorkspaceId, new_uuid7
from db.inbox import NewEvent, note_shared
from db.pool import Database
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.triggers.mail_routes import may_send
from engine.triggers.refusals import Refusals
from engine.triggers.timetable import stamp
from modules.email.mime.charsets import clean
from modules.email.mime.head import Head, first_fields
from modules.email.mime.reading import message_id_of, sender_of
from workspace.mail.message import OWN

JsonObject = dict[str, Json]

WithIt: TypeAlias = Callable[[Connection], Awaitable[None]]
LARGEST = 25 * 2**20
"""Bytes of a message."""
_KNOWN_S = 30 * 86_400.0
"""As long as the inbox keeps its lines."""
_NAMELESS_KNOWN_S = 3_600.0
_OWN = re.compile(rf"<{re.escape(OWN)}[0-9a-f]{{40}}@([^@<>]+)>")
_WORD = re.compile(rb"\s*([A-Za-z-]+)")
_NO_DOMAIN = "localhost"
"""Under it, mails that runs send have ids in their senders' domains."""
_LONGEST_FROM = 4 * 1024
"""Of a longer one, the reader says what it is worth."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """`given`: the address as the sender wrote it."""

    given: str
    route: EmailRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """`sender` None: nobody is to hear of it if it fails, so it is such news itself. `tls`: it came encrypted."""

    sender: str | None
    recipients: Sequence[Recipient]
    received_at: datetime
    peer: str | None = None
    helo: str | None = None
    tls: bool = False


class Mailroom:
    def __init__(self, db: Database, hub: Hub, domain: str) -> None:
        self._db = db
        self._hub = hub
        self._domain = domain.lower()
        self._refusals = Refusals()

    @property
    def domain(self) -> str:
        return self._domain

    async def recipient(self, given: str) -> Recipient | None:
        """Whose address it is, if it takes mail now. What follows a `+` is the sender's own. Raises `DatabaseUnavailable`."""
        local, at, domain = given.rpartition("@")
        if not at:
            local, domain = given, self._domain
        local = local.lower().partition("+")[0]
        if domain.lower().rstrip(".") != self._domain or not 0 < len(local) <= 64:
            return None
        async with self._db.single() as conn:
            route = await email_routes.find(conn, local)
        if route is None or route.workflow_status != "active":
            return None
        return Recipient(clean(given), route)

    async def take(self, envelope: Envelope, raw: bytes) -> bool:
        """Whether anybody takes it; once this returns it is in the inbox for good. Raises `DatabaseUnavailable`: try again."""
        head = first_fields(raw)
        silent = self._silent(head, envelope)
        by_workspace: dict[WorkspaceId, dict[str, Recipient]] = defaultdict(dict)
        for one in envelope.recipients:
            by_workspace[one.route.workspace_id].setdefault(one.route.source, one)
        taken = False
        for workspace_id in sorted(by_workspace):
            mine = list(by_workspace[workspace_id].values())
            taken |= await self._deliver(workspace_id, mine, envelope, head, raw, silent)
        return taken

    async def take_fetched(self, recipient: Recipient, envelope: Envelope, raw: bytes, with_it: WithIt) -> None:
        """A mail that lay in a mailbox; `with_it` is done in the same transaction, which what it raises undoes. Raises `DatabaseUnavailable`."""
        head = first_fields(raw)
        sender = None if (head.first("return-path") or b"").strip() == b"<>" else envelope.sender
        silent = self._silent(head, replace(envelope, sender=sender))
        mine = [recipient]
        # In a mailbox a mail keeps its bytes.
        await self._deliver(recipient.route.workspace_id, mine, envelope, head, raw, silent, with_it, _KNOWN_S)

    async def turn_away(
        self, recipient: Recipient, envelope: Envelope, size: int, reason: str, with_it: WithIt
    ) -> None:
        """One that isn't even fetched. As `take_fetched`."""
        route = recipient.route
        event = replace(_event(route, b"", head=_kept(envelope, [recipient])), size=size)
        async with self._db.engine(route.workspace_id) as conn:
            await self._refusals.note(conn, route.workspace_id, event, 403, reason)
            await with_it(conn)

    async def _deliver(
        self,
        workspace_id: WorkspaceId,
        recipients: list[Recipient],
        envelope: Envelope,
        head: Head,
        raw: bytes,
        silent: str | None,
        with_it: WithIt | None = None,
        nameless_known_s: float = _NAMELESS_KNOWN_S,
    ) -> bool:
        kept = _kept(envelope, recipients)
        reasons = {one.route.source: silent or _unwanted(head, one.route) for one in recipients}
        wanted = [one for one in recipients if reasons[one.route.source] is None]
        async with self._db.engine(workspace_id) as conn:
            for one in recipients:
                reason = reasons[one.route.source]
                if reason is not None:
                    event = _event(one.route, raw, head=kept, body=raw)
                    await self._refusals.note(conn, workspace_id, event, 403, reason)
            if wanted:
                name, known_s = _name(head, raw, nameless_known_s)
                events = [_event(one.route, raw, name=name, known_s=known_s) for one in wanted]
                await note_shared(conn, workspace_id, events, kept, raw)
            if with_it is not None:
                await with_it(conn)
        for one in wanted:
            self._hub.publish(int(workspace_id), str(one.route.route_id), Kind.EVENT)
        return bool(wanted) or silent is not None

    def _silent(self, head: Head, envelope: Envelope) -> str | None:
        """Why nothing may answer it, whoever it is for: two machines would go on writing to each other."""
        if envelope.sender is None:
            return "It is a bounce: news about a mail that couldn't be delivered. Such mail starts nothing."
        said = _WORD.match(head.first("auto-submitted") or b"no")
        if said is None or said[1].lower() != b"no":
            return "It is an automatic answer (`Auto-Submitted`). Such mail starts nothing."
        own = _OWN.fullmatch(message_id_of(head) or "")
        if own is not None and self._domain in (own[1].lower(), _NO_DOMAIN):
            return "This installation sent it itself. Such mail starts nothing."
        return None


def _unwanted(head: Head, route: EmailRoute) -> str | None:
    if not route.allow_from or any(len(value) > _LONGEST_FROM for value in head.all("from")):
        return None
    senders = sender_of(head)
    sender = senders[0].address if len(senders) == 1 else None
    return None if may_send(sender, route.allow_from) else unwanted(sender)


def unwanted(sender: str | None) -> str:
    return f"The trigger's `allow_from` doesn't name {sender!r}." if sender else "Its `From` names no sender for sure."


def _name(head: Head, raw: bytes, nameless_known_s: float) -> tuple[str, float]:
    """By what it is known again, and for how long."""
    name = message_id_of(head)
    if name is not None:
        return name, _KNOWN_S
    return f"sha256:{hashlib.sha256(raw).hexdigest()}", nameless_known_s


def _kept(envelope: Envelope, recipients: Sequence[Recipient]) -> JsonObject:
    given: list[Json] = [one.given for one in recipients]
    return {
        "from": None if envelope.sender is None else clean(envelope.sender),
        "to": given,
        "peer": envelope.peer,
        "helo": None if envelope.helo is None else clean(envelope.helo)[:255],
        "tls": envelope.tls,
        "received_at": stamp(envelope.received_at),
        "recipients": {one.route.source: one.given for one in recipients},
    }


def _event(
    route: EmailRoute,
    raw: bytes,
    *,
    name: str | None = None,
    known_s: float | None = None,
    head: Json = None,
    body: bytes | None = None,
) -> NewEvent:
    return NewEvent(
        source=route.source,
        kind="email",
        workflow_id=route.workflow_id,
        trigger_id=route.trigger_id,
        dedupe_key=name,
        window_s=known_s,
        head=head,
        raw=body,
        size=len(raw),
        event_id=EventId(new_uuid7()),
    )
