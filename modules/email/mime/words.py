"""Values of headers as people read them: encoded words (RFC 2047), and bytes beyond ASCII that stand there bare."""

from __future__ import annotations

import binascii
import re

from modules.email.mime.charsets import text_of

_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?\s]{0,4000})\?=")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")


def words(value: bytes | str) -> str:
    """Words that follow each other are one text, also where a character is split over two."""
    text = text_of(value, None) if isinstance(value, bytes) else value
    if "=?" not in text:
        return text
    found: list[str] = []
    held, charset = b"", ""
    end = 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        apart = bool(between.strip()) or end == 0
        if held and (apart or match[1].lower() != charset):
            found.append(text_of(held, charset))
            held = b""
        if apart:
            found.append(between)
        held, charset = held + _bytes(match[2], match[3]), match[1].lower()
        end = match.end()
    if held:
        found.append(text_of(held, charset))
    return "".join([*found, text[end:]])


def _bytes(how: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if how in "Qq":
        return _HEX.sub(lambda match: bytes([int(match[1], 16)]), data.replace(b"_", b" "))
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return data
