"""From a mail in the inbox to the run that it starts: read in the isolated pool, its attachments as files of the workspace."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import cast

from db.inbox import Content, Event
from db.pool import Database
from engine.expressions.values import Json
from engine.problems import Unavailable
from engine.runs.accept import Entry
from engine.runs.lookup import Lookup
from engine.spec.rules.mail import MODULE
from engine.triggers.mail_room import unwanted
from engine.triggers.mail_routes import may_send, senders_of
from engine.triggers.parts import FilesOf, Part, keep
from engine.triggers.reader import Refused, target_of
from modules.email.mime.transfer import decoded
from modules.sdk.context import Isolated
from modules.sdk.files import Files
from modules.sdk.verdicts import ModuleError

JsonObject = dict[str, Json]

_READ = "modules.email.mime.reading:read"
_SLOW = 60.0
"""Seconds of a clock, for a machine that stands still; what the mail costs is limited in CPU."""
_FOR_GOOD = frozenset({"mail.too_large", "mail.too_costly", "mail.malformed", "mail.memory"})
_AT_ONCE = 4


class MailReader:
    ahead = True

    def __init__(self, db: Database, lookup: Lookup, isolated: Isolated, files: FilesOf, domain: str) -> None:
        self._db = db
        self._lookup = lookup
        self._isolated = isolated
        self._files = files
        self._domain = domain
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def entry(self, event: Event, content: Content) -> Entry:
        """Raises `Refused`, `Standing`, `Problem`, `DatabaseUnavailable`."""
        target = await target_of(self._db, self._lookup, event)
        trigger = target.prepared.document.triggers.get(event.trigger_id or "")
        if trigger is None or trigger.module != MODULE or trigger.disabled:
            raise Refused(f"The workflow has no mail trigger {event.trigger_id!r} any more.")
        head = content.head if isinstance(content.head, dict) else {}
        if head.get("cut_at") is not None:
            raise Refused("Of the refused mail only the beginning is kept.")
        async with self._room:
            found = await self._read(content.raw or b"")
            sender = found["from"]
            if not may_send(sender if isinstance(sender, str) else None, senders_of(trigger.inputs)):
                raise Refused(unwanted(sender if isinstance(sender, str) else None))
            files = self._files(int(event.workspace_id))
            days = target.prepared.document.settings.retention_days
            spans = cast("list[JsonObject]", found.pop("files"))
            attachments = await _attached(content.raw or b"", spans, files, f"event:{event.event_id}", days)
        mail: JsonObject = {
            **found,
            "attachments": attachments,
            "recipient": _recipient(head, event.source),
            "auth": {"spf": None, "dkim": None, "dmarc": None, "tls": head.get("tls") is True},
        }
        return Entry(
            workspace_id=event.workspace_id,
            workflow_id=target.workflow.workflow_id,
            name=target.workflow.name,
            version=target.version,
            prepared=target.prepared,
            trigger={"type": "email", "id": trigger.id, **mail, "body": mail},
            waited=event.held,
            nobody_asks=True,
        )

    async def _read(self, raw: bytes) -> JsonObject:
        argument: JsonObject = {"raw": base64.b64encode(raw).decode(), "domain": self._domain}
        try:
            found = await self._isolated.call(_READ, argument, timeout=_SLOW, timeout_code="mail.timeout")
        except ModuleError as error:
            if error.code in _FOR_GOOD:
                raise Refused(f"The mail can't be taken: {error.message}.") from None
            raise Unavailable(f"The mail could not be read: {error.message}.") from error
        return cast("JsonObject", found)


async def _attached(raw: bytes, spans: list[JsonObject], files: Files, operation: str, days: int) -> list[Json]:
    kept: list[Json] = []
    for number, span in enumerate(spans):
        start, end = cast("int", span["start"]), cast("int", span["end"])
        data = await asyncio.to_thread(decoded, raw[start:end], str(span["encoding"]))
        part = Part(str(span["name"]), str(span["mime_type"]), data)
        file = await keep(part, files, f"{operation}:{number}", days, "email")
        kept.append({**file, "content_id": span["content_id"], "inline": span["inline"]})
    return kept


def _recipient(head: Mapping[str, Json], source: str) -> Json:
    given = head.get("recipients")
    return given.get(source) if isinstance(given, dict) else None
