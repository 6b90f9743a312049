"""A mail's bytes to what a run sees of it, in the isolated pool: what is in it decides how long that takes, up to two seconds of CPU."""

from __future__ import annotations

import base64
import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from modules.email.mime.addresses import Address, addresses
from modules.email.mime.charsets import clean, text_of
from modules.email.mime.head import Field, Head
from modules.email.mime.html_text import text_of_html
from modules.email.mime.parameters import worded
from modules.email.mime.transfer import decoded
from modules.email.mime.tree import Leaf, leaves
from modules.email.mime.words import words
from modules.sdk.isolated import cpu_limit, isolated
from modules.sdk.json import Json, JsonObject
from modules.sdk.verdicts import Rejected

CPU = 2.0
"""Seconds."""
MOST_FILES = 50
LARGEST_FILE = 10 * 2**20
LONGEST_TEXT = 2**20
"""Bytes of a body that a run carries; a longer one is a file."""
MOST_ADDRESSES = 1_000
_ID = re.compile(r"<[^<>\s]{1,900}>")
_VERDICT = "authentication-results"
_VERDICT_BY = re.compile(r'\s*(?:\([^()]*\)\s*)*"?([^\s;()"]+)')


@isolated
def read(argument: JsonObject) -> Json:
    """`{raw: base64, domain}` → the message; `files` are spans of the bytes. What it says about itself that only `domain` may say is left out.

    Raises Rejected `mail.too_large`, `mail.too_costly`, `mail.malformed`.
    """
    with cpu_limit(CPU, "mail.too_costly", f"reading the message takes more than {CPU:g} s of CPU"):
        raw = base64.b64decode(str(argument["raw"]))
        return _message(raw, str(argument["domain"]))


def _message(raw: bytes, domain: str) -> JsonObject:
    head, parts = leaves(raw)
    senders = head.all("from")
    if len(senders) > 1:
        raise Rejected("mail.malformed", "the message has more than one `From`: who sent it can be read in two ways")
    sender = addresses(senders[0]) if senders else []
    if len(sender) > 1:
        raise Rejected("mail.malformed", "the message's `From` names more than one address")
    body = _Body(raw)
    for part in parts:
        body.add(part)
    text = body.text()
    page = body.page()
    return {
        "from": sender[0].address if sender else None,
        "from_name": sender[0].name if sender else "",
        "to": _those(head, "to"),
        "cc": _those(head, "cc"),
        "reply_to": _those(head, "reply-to"),
        "subject": words(head.first("subject") or b""),
        "text": text_of_html(page) if text is None and page is not None else text,
        "html": page,
        "headers": _headers(head, domain),
        "message_id": message_id_of(head),
        "in_reply_to": next(iter(_ids(head, "in-reply-to")), None),
        "references": [*_ids(head, "references")],
        "date": _date(head.first("date")),
        "files": body.files,
    }


class _Body:
    """Texts and files, in the order of the parts."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._texts: list[str] = []
        self._pages: list[str] = []
        self.files: list[Json] = []

    def add(self, part: Leaf) -> None:
        how = (part.head.first("content-transfer-encoding") or b"").strip().lower().decode("latin-1")[:40]
        placed = worded(part.head.first("content-disposition"))
        name = placed.parameters.get("filename") or part.type.parameters.get("name")
        body = decoded(self._raw[part.start : part.end], how)
        into = {"text/plain": self._texts, "text/html": self._pages}.get(part.type.word)
        if into is None or name or placed.word == "attachment" or len(body) > LONGEST_TEXT:
            self._file(part, how, name, len(body), inline=placed.word == "inline")
            return
        into.append(text_of(body, part.type.parameters.get("charset")).replace("\r\n", "\n"))
        if sum(map(len, into)) > LONGEST_TEXT:
            into.pop()
            self._file(part, how, name, len(body), inline=True)

    def text(self) -> str | None:
        return "\n".join(self._texts) if self._texts else None

    def page(self) -> str | None:
        return "\n".join(self._pages) if self._pages else None

    def _file(self, part: Leaf, how: str, name: str | None, size: int, *, inline: bool) -> None:
        if size > LARGEST_FILE:
            raise Rejected("mail.too_large", f"an attachment has more than {LARGEST_FILE // 2**20} MB")
        if len(self.files) >= MOST_FILES:
            raise Rejected("mail.too_large", f"the message has more than {MOST_FILES} attachments")
        content_id = clean(text_of(part.head.first("content-id") or b"", None))[:200].strip().strip("<>")
        self.files.append(
            {
                "start": part.start,
                "end": part.end,
                "encoding": how,
                "name": name or _unnamed(part.type.word, len(self.files) + 1),
                "mime_type": part.type.word[:200],
                "content_id": content_id or None,
                "inline": inline or bool(content_id and part.type.word.startswith("image/")),
            }
        )


def message_id_of(head: Head) -> str | None:
    """By which the same mail is known when it comes again."""
    found = _ids(head, "message-id")
    if found:
        return found[0]
    bare = text_of(head.first("message-id") or b"", None).strip()
    return bare[:900] or None


def sender_of(head: Head) -> list[Address]:
    """Those that all `From`s name."""
    return [one for value in head.all("from") for one in addresses(value)]


def _ids(head: Head, name: str) -> list[str]:
    return [match[0] for match in _ID.finditer(text_of(head.first(name) or b"", None))]


def _those(head: Head, name: str) -> list[Json]:
    found = [one.address for value in head.all(name) for one in addresses(value) if one.address is not None]
    return [*dict.fromkeys(found[:MOST_ADDRESSES])]


def _headers(head: Head, domain: str) -> JsonObject:
    found: dict[str, Json] = {}
    for field in head.fields:
        if _claims_to_be_ours(field, domain):
            continue
        value = words(field.value)
        earlier = found.get(field.name)
        if isinstance(earlier, list):
            earlier.append(value)
        else:
            found[field.name] = value if earlier is None else [earlier, value]
    return found


def _claims_to_be_ours(field: Field, domain: str) -> bool:
    """A verdict on who sent it that stands there under our name (RFC 8601, 5): it came with the mail, so we didn't write it."""
    if not field.name.endswith(_VERDICT):
        return False
    by = _VERDICT_BY.match(text_of(field.value, None))
    return by is None or by[1].lower().rstrip(".") == domain.lower().rstrip(".")


def _date(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        found = parsedate_to_datetime(text_of(value[:200], None))
        aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _unnamed(kind: str, number: int) -> str:
    known = {
        "text/calendar": "invite.ics",
        "message/rfc822": "message.eml",
        "text/plain": "text.txt",
        "text/html": "page.html",
    }
    if kind in known:
        return known[kind]
    family, _, form = kind.partition("/")
    ending = re.sub(r"[^a-z0-9]", "", form.removeprefix("x-"))[:10]
    return f"{family if family == 'image' else 'part'}-{number}.{ending or 'bin'}"
