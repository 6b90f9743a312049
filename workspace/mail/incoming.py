"""A mailbox behind a connection of the kind `imap`: which mails came after a certain one, and their bytes. Nothing is ever deleted there.

Mails have numbers (`uid`) that only grow, as long as the mailbox keeps its `validity`; where that is another one, old numbers mean nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import cast

from modules.sdk.verdicts import ModuleError
from workspace.connections.mail_handshakes import asked, imap_signed_in
from workspace.connections.opening import Opened
from workspace.egress.adapters.imap import Imap
from workspace.egress.guard import Guard

TIMEOUT_S = 60.0
"""Of each answer."""
_WINDOW = 20_000
"""Numbers that are asked for at once: an answer is one line, and a line has a limit."""
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BEYOND = re.compile(r"[^\x20-\x25\x27-\x7e]+|&")

_Data = list[bytes | tuple[bytes, bytes] | None]


@dataclass(frozen=True, slots=True)
class Found:
    """`uids` in their order; all up to `until` were looked at."""

    uids: tuple[int, ...]
    until: int


class OpenMailbox:
    """Signed in and selected. Each method raises ModuleError `imap.connect`, `imap.refused`. `last`: no mail has a higher number."""

    def __init__(self, client: Imap, opened: Opened, name: str, validity: int, last: int) -> None:
        self._client = client
        self._opened = opened
        self._name = name
        self.validity = validity
        self.last = last

    async def after(self, uid: int, since: date | None = None) -> Found:
        """Mails with higher numbers, as far as one question goes. `since`: those alone that came on that day, in the server's zone, or later."""
        until = min(uid + _WINDOW, self.last)
        if until <= uid:
            return Found((), uid)
        words = ["UID", f"{uid + 1}:{until}"]
        if since is not None:
            words += ["SINCE", f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"]
        found = _numbers(await self._uid("SEARCH", *words))
        return Found(tuple(one for one in found if uid < one <= until), until)

    async def size(self, uid: int) -> int | None:
        """Bytes; None for one that is gone."""
        for one in await self._uid("FETCH", str(uid), "(RFC822.SIZE)"):
            head = one[0] if isinstance(one, tuple) else one
            match = _SIZE.search(head) if head is not None else None
            if match is not None:
                return int(match[1])
        return None

    async def message(self, uid: int) -> bytes | None:
        """The mail as it lies there, which doesn't make it seen; None for one that is gone."""
        for one in await self._uid("FETCH", str(uid), "(BODY.PEEK[])"):
            if isinstance(one, tuple):
                return one[1]
        return None

    async def mark_seen(self, uid: int) -> None:
        await self._uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")

    async def _uid(self, verb: str, *words: str) -> _Data:
        status, answer = await asked(
            self._client, self._opened, lambda client: cast("tuple[str, _Data]", client.uid(verb, *words))
        )
        if status != "OK":
            raise _refused(self._opened, f"{verb} {' '.join(words)} in the mailbox {self._name!r}", answer)
        return answer


@asynccontextmanager
async def open_mailbox(guard: Guard, opened: Opened, name: str, *, writes: bool) -> AsyncGenerator[OpenMailbox]:
    """Raises `AuthExpired` (user or password), ModuleError: `connection.kind`, `imap.…`."""
    about = opened.about
    if about.kind != "imap":
        raise ModuleError("connection.kind", f"the connection {about.name!r} is of the kind {about.kind!r}, not 'imap'")
    async with imap_signed_in(guard, opened, TIMEOUT_S) as client:
        quoted = quoted_name(name)
        status, answer = await asked(
            client, opened, lambda each: cast("tuple[str, _Data]", each.select(quoted, readonly=not writes))
        )
        if status != "OK":
            raise _refused(opened, f"the mailbox {name!r}", answer)
        validity, free = await _number(client, opened, "UIDVALIDITY"), await _number(client, opened, "UIDNEXT")
        if validity is None:
            message = f"the mailbox {name!r} has no lasting numbers (UIDVALIDITY), so nobody can tell what is new in it"
            raise ModuleError("imap.refused", message)
        yield OpenMailbox(client, opened, name, validity, free - 1 if free else await _last(client, opened))


async def _last(client: Imap, opened: Opened) -> int:
    """Of a server that doesn't say which number is free."""
    _, answer = await asked(client, opened, lambda each: cast("tuple[str, _Data]", each.uid("SEARCH", "UID", "*")))
    return max(_numbers(answer), default=0)


async def _number(client: Imap, opened: Opened, name: str) -> int | None:
    _, answer = await asked(client, opened, lambda each: cast("tuple[str, _Data]", each.response(name)))
    first = answer[0] if answer else None
    return int(first) if isinstance(first, bytes) and first.isdigit() else None


def _numbers(answer: _Data) -> list[int]:
    words = b" ".join(one for one in answer if isinstance(one, bytes)).split()
    return sorted({int(word) for word in words if word.isdigit()})


def _refused(opened: Opened, what: str, answer: _Data) -> ModuleError:
    said = b" ".join(one for one in answer if isinstance(one, bytes)).decode("utf-8", "replace")[:200]
    return ModuleError("imap.refused", f"the mail server {str(opened.about.config['host'])!r} refuses {what}: {said}")


def quoted_name(name: str) -> str:
    """A mailbox's name as the protocol has it: in UTF-7 of its own kind (RFC 3501, 5.1.3), and in quotes."""

    def shifted(match: re.Match[str]) -> str:
        if match[0] == "&":
            return "&-"
        return (
            "&"
            + base64.b64encode(match[0].encode("utf-16-be", "surrogatepass")).decode().rstrip("=").replace("/", ",")
            + "-"
        )

    plain = _BEYOND.sub(shifted, name)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
