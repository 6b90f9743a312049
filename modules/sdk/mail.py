"""Mail as a module sends it. The host writes the message and speaks to the server of the step's connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from modules.sdk.mailboxes import Mailbox

MOST_RECIPIENTS = 100
"""Of one mail, copies included: what every server must take (RFC 5321, 4.5.3.1.8)."""
MOST_ATTACHED = 25 * 2**20
"""Bytes of all attachments of one mail together."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along: `size` bytes, that `open` reads; it begins anew each time."""

    name: str
    mime_type: str
    size: int
    open: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. `sender` None: the connection's own. At least one of `text` and `html` is given, or something is attached.

    `in_reply_to` and `references` are message ids with their brackets. `bcc` gets the mail and stands nowhere in it.
    """

    to: tuple[Mailbox, ...]
    subject: str
    text: str | None = None
    html: str | None = None
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    sender: Mailbox | None = None
    reply_to: tuple[Mailbox, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class Mail(Protocol):
    """The mail server of the step's connection."""

    async def send(self, letter: Letter, *, operation: str, timeout: float) -> str:
        """Hands the mail to the server for all recipients or for none; gives its message id, with the brackets.

        The id is made of `operation`, the idempotency key of the step: a mail that was sent twice, since the first answer got lost, has the
        same one, by which receivers know it. Raises `ModuleError` `smtp.connect`, `smtp.timeout`, `smtp.blocked`, `smtp.recipients` (some are
        refused: nothing was sent), `smtp.<code>`, `smtp.unsupported`, `payload.too_large`, `input.invalid`, `connection.kind`,
        `connection.missing`; `AuthExpired` when the credential is refused.
        """
        ...
