"""A letter as bytes: headers, then its body."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from modules.sdk.mail import Letter
from modules.sdk.mailboxes import Mailbox
from workspace.mail.headers import line, mailbox_pieces, text_pieces
from workspace.mail.mime import Part, file_part, parts_together, text_part

OWN = "ms."
"""What the message ids of mails that runs send begin with: mail that comes in with such an id is our own."""
_MOST_REFERENCES = 40


def message_id_of(operation: str, domain: str) -> str:
    """With its brackets; the same for the same operation, and nothing can be read from it."""
    return f"<{OWN}{hashlib.sha256(operation.encode()).hexdigest()[:40]}@{domain}>"


def compose(letter: Letter, sender: Mailbox, message_id: str, date: datetime, contents: Sequence[bytes]) -> bytes:
    """The message. `contents` are those of the attachments, in order. The same arguments give the same bytes."""
    lines = [
        line("From", mailbox_pieces([sender])),
        line("To", mailbox_pieces(letter.to)),
    ]
    if letter.cc:
        lines.append(line("Cc", mailbox_pieces(letter.cc)))
    if letter.reply_to:
        lines.append(line("Reply-To", mailbox_pieces(letter.reply_to)))
    if letter.subject:
        lines.append(line("Subject", text_pieces(letter.subject)))
    lines += [
        line("Date", format_datetime(date).split(" ")),
        line("Message-ID", [message_id]),
    ]
    if letter.in_reply_to is not None:
        lines.append(line("In-Reply-To", [letter.in_reply_to]))
    thread = [one for one in letter.references if one != letter.in_reply_to]
    if letter.in_reply_to is not None:
        thread.append(letter.in_reply_to)
    if thread:
        # The first one is the thread's beginning, the last ones are what is answered; programs need no more.
        kept = thread if len(thread) <= _MOST_REFERENCES else [thread[0], *thread[1 - _MOST_REFERENCES :]]
        lines.append(line("References", kept))
    lines += [line("Auto-Submitted", ["auto-generated"]), line("MIME-Version", ["1.0"])]
    body = _body(letter, contents)
    return b"".join([*lines, body.head, b"\r\n", body.body, b"" if body.body.endswith(b"\r\n") else b"\r\n"])


def _body(letter: Letter, contents: Sequence[bytes]) -> Part:
    texts: list[Part] = []
    if letter.text is not None or letter.html is None:
        texts.append(text_part(letter.text or "", "plain"))
    if letter.html is not None:
        texts.append(text_part(letter.html, "html"))
    said = texts[0] if len(texts) == 1 else parts_together("alternative", texts)
    if not letter.attachments:
        return said
    files = [
        file_part(each.name, each.mime_type, content)
        for each, content in zip(letter.attachments, contents, strict=True)
    ]
    return parts_together("mixed", [said, *files])
