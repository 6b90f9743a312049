"""Bodies of a mail: texts, attached files, and what holds them together. All of it is lines of ASCII, at most 76 long."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workspace.mail.headers import line, parameter_pieces

_SHORT_ASCII = re.compile(r"(?:[\x20-\x7e\t]{0,76}\n)*[\x20-\x7e\t]{0,76}")
_FRAGILE = re.compile(r"[ \t]$|^From ", re.MULTILINE)
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")


@dataclass(frozen=True, slots=True)
class Part:
    """Header lines about a content, and the content; every line ends in CRLF."""

    head: bytes
    body: bytes


def text_part(text: str, subtype: str) -> Part:
    """A text in UTF-8, in the encoding that is readable or short. Its line ends become those of mail."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    data = plain.encode()
    # Blanks at the end of a line get lost on the way, and some programs change lines that begin with `From `.
    if _SHORT_ASCII.fullmatch(plain) and not _FRAGILE.search(plain):
        encoding, body = "7bit", data
    else:
        encoding, body = "quoted-printable", binascii.b2a_qp(data, istext=True)
        if len(body) > (len(data) + 2) // 3 * 4 * 1.1:
            encoding, body = "base64", base64.encodebytes(data)
    head = line("Content-Type", [f"text/{subtype};", "charset=utf-8"]) + line("Content-Transfer-Encoding", [encoding])
    # A text without a line end at its end must not get one: what follows it begins with its own.
    return Part(head, body.replace(b"\n", b"\r\n"))


def file_part(name: str, mime_type: str, content: bytes) -> Part:
    """An attached file. What claims to be a message or several parts would be taken apart on the way: it goes as plain bytes."""
    kind = mime_type.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(kind) or kind.startswith(("message/", "multipart/")):
        kind = "application/octet-stream"
    head = (
        line("Content-Type", [kind])
        + line("Content-Transfer-Encoding", ["base64"])
        + line("Content-Disposition", ["attachment;", *parameter_pieces("filename", name)])
    )
    return Part(head, base64.encodebytes(content).replace(b"\n", b"\r\n"))


def parts_together(subtype: str, parts: Sequence[Part]) -> Part:
    """A multipart of these. The boundary is made of the contents, so no content can be made to hold it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.head + part.body).digest())
    boundary = f"=_{digest.hexdigest()[:40]}"
    head = line("Content-Type", [f"multipart/{subtype};", f'boundary="{boundary}"'])
    mark = f"--{boundary}".encode()
    pieces: list[bytes] = []
    for part in parts:
        pieces += [mark, b"\r\n", part.head, b"\r\n", part.body, b"\r\n"]
    return Part(head, b"".join([*pieces, mark, b"--\r\n"]))
