"""Headers of a mail: encoded where they must be (RFC 2047, 2231), folded by our own hand, in ASCII.

Own, because the standard library's folding has put in line breaks that weren't there and split addresses at commas in names
(CVE-2024-6923, CVE-2025-1795, CVE-2026-1299), and because what stands here is short enough to be read: each line is made of pieces that can't
hold a line end. `line` asserts that for all of them, so whatever slips by those who call it ends here.

`utf8`: the mail is for a server with SMTPUTF8, so that addresses may stand as they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from modules.sdk.mailboxes import Mailbox

_WIDTH = 76
_LONGEST_LINE = 998  # RFC 5322, 2.1.1
_WORD = 75 - len("=?utf-8?b??=")
_PLAIN = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SIMPLE = re.compile(r"[A-Za-z0-9._()+,@-]+( [A-Za-z0-9._()+,@-]+)*")
"""File names that may stand in quotes: nothing in them means anything to anybody."""
_PIECE = 60
"""Characters of one piece of a parameter that is given in pieces."""


def line(name: str, pieces: Sequence[str]) -> bytes:
    """One header: pieces with a blank between them, on lines of `_WIDTH` where that can be."""
    lines, current = list[str](), f"{name}:"
    for piece in pieces:
        if len(current) + 1 + len(piece) > _WIDTH and current != f"{name}:":
            lines.append(current)
            current = ""
        current += f" {piece}"
    lines.append(current)
    for one in lines:
        if len(one.encode()) > _LONGEST_LINE or any(char < " " or char == "\x7f" for char in one):
            raise ValueError(f"the header {name} can't be written")
    return "\r\n".join(lines).encode() + b"\r\n"


def text_pieces(text: str) -> list[str]:
    """Free text, as of a subject. Blanks stay as they are, which only encoded text is sure of."""
    if _PLAIN.fullmatch(text) and "=?" not in text and all(len(word) < _WIDTH for word in text.split(" ")):
        return text.split(" ")
    return list(_encoded(text))


def mailbox_pieces(boxes: Sequence[Mailbox]) -> list[str]:
    """A list of addresses."""
    pieces: list[str] = []
    for position, box in enumerate(boxes):
        comma = "," if position < len(boxes) - 1 else ""
        if box.name:
            pieces.extend(_phrase(box.name))
            pieces.append(f"<{box.address}>{comma}")
        else:
            pieces.append(f"{box.address}{comma}")
    return pieces


def parameter_pieces(name: str, value: str) -> list[str]:
    """A parameter such as a file's name; each piece but the last ends in its semicolon."""
    if _SIMPLE.fullmatch(value) and len(value) <= _PIECE:
        return [f'{name}="{value}"']
    encoded = quote(value, safe="")
    if len(encoded) <= _PIECE:
        return [f"{name}*=utf-8''{encoded}"]
    found: list[str] = []
    rest = f"utf-8''{encoded}"
    while rest:
        end = _PIECE
        while "%" in rest[end - 2 : end] and end < len(rest):  # never inside of %XX
            end -= 1
        found.append(f"{name}*{len(found)}*={rest[:end]}")
        rest = rest[end:]
    return [f"{piece};" for piece in found[:-1]] + found[-1:]


def _phrase(name: str) -> list[str]:
    if "=?" not in name and all(len(word) < _WIDTH - 2 for word in name.split(" ")):
        if _ATOMS.fullmatch(name):
            return name.split(" ")
        if _ATOMS.fullmatch(name.replace(".", "-")):
            return f'"{name}"'.split(" ")
    # Anything that means something in an address is encoded rather than quoted: programs have misread quotes.
    return list(_encoded(name))


def _encoded(text: str) -> Iterator[str]:
    """Encoded words of whole characters; blanks between two of them count for nothing, so they join as they were."""
    part = b""
    for char in text:
        more = char.encode()
        if (len(part) + len(more) + 2) // 3 * 4 > _WORD:
            yield _word(part)
            part = b""
        part += more
    if part:
        yield _word(part)


def _word(part: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(part).decode()}?="
