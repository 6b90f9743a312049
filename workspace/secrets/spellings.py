r"""How a secret may be spelled where it turns up again: one pattern of RE2 for each value.

    the value itself    each character in any of its spellings: as it is (letters in either case), `%2B` (`%252B` …), `+` for a blank,
                        `\"` `\n` `\u002b` `\x2b` behind any number of backslashes, `&quot;` `&#43;` `&#x2b;`. So JSON, URLs, forms, HTML
                        and escapes of programming languages are met, and mixtures of them, such as JSON in JSON in a URL
    base64              at the three offsets that the value may have in what was encoded; the standard and the URL alphabet, spelled as above,
                        over line ends too
    hexadecimal         either case, with `:`, `-`, a blank or `\x` between the bytes or without

A value of several lines is also met line by line, since logs and encoders take lines apart; blanks at its ends are met or not.
What is longer than a piece is met piece by piece, so that no pattern grows without bound.

RE2 reads the text once, whatever the number of values: 20 MB take about 0.1 s with one value, 0.3 s with a hundred.

Not met: encodings that aren't listed (base32, compression, encryption, a hash), and a value of fewer than `LEAST` characters: it would
stand in many places where it is no secret.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final

LEAST: Final = 6
"""Characters that a value must have to be found."""
_PIECE = 128
_NAMED = {'"': "quot", "&": "amp", "<": "lt", ">": "gt", "'": "apos"}
_SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_BREAK = r"(?:\\+[rn]|\s)*"
_PADDING = r"(?:=|%(?:25)*3[dD]){1,2}"
_BETWEEN = r"(?:\\+x|[:\- ])?"


def patterns(value: str) -> Iterator[str]:
    """The patterns of one value; none where it is too short."""
    for unit in _units(value):
        for piece in _pieces(unit):
            yield "".join(map(_character, piece))
            data = piece.encode("utf-8", "surrogatepass")
            yield from dict.fromkeys(_base64(data))
            yield _BETWEEN.join(_byte(byte) for byte in data)


def _units(value: str) -> list[str]:
    stripped = value.strip()
    lines = [line.strip() for line in stripped.splitlines()] if "\n" in stripped or "\r" in stripped else []
    return list(dict.fromkeys(unit for unit in (stripped, *lines) if len(unit) >= LEAST))


def _pieces(unit: str) -> Iterator[str]:
    start = 0
    while start < len(unit):
        end = start + _PIECE
        if len(unit) - end < LEAST:
            end = len(unit)
        yield unit[start:end]
        start = end


def _character(one: str) -> str:
    """Any spelling of one character."""
    point = ord(one)
    entity = f"#(?:0*{point}|[xX]0*(?i:{point:x}))"
    if one in _NAMED:
        entity = f"(?:{entity}|{_NAMED[one]})"
    spellings = [rf"&(?:amp;)*{entity};", rf"\\+(?i:{_escape(point)})"]
    if not 0xD800 <= point < 0xE000:
        spellings.append("(?i:" + "".join(f"%(?:25)*{byte:02x}" for byte in one.encode()) + ")")
        spellings.append(_plain(one))
    if one in _SHORT:
        spellings.append(rf"\\+{_SHORT[one]}")
    return "(?:" + "|".join(spellings) + ")"


def _plain(one: str) -> str:
    if one == "\\":
        return r"\\+"
    if one == " ":
        return r"[ +]"
    if one == "\n":
        return r"\r?\n"
    if one in "\"'/`$":
        return rf"\\*{_quoted(one)}"
    return f"(?i:{one})" if one.isalpha() else _quoted(one)


def _escape(point: int) -> str:
    if point > 0xFFFF:
        high, low = 0xD800 + ((point - 0x10000) >> 10), 0xDC00 + ((point - 0x10000) & 0x3FF)
        return rf"u{high:04x}\\+u{low:04x}|u\{{0*{point:x}\}}|u{point:08x}"
    return rf"u{point:04x}|u\{{0*{point:x}\}}" + (f"|x{point:02x}" if point < 0x100 else "")


def _quoted(one: str) -> str:
    return one if one.isalnum() or ord(one) > 0x7F else f"\\x{ord(one):02x}"


def _base64(data: bytes) -> Iterator[str]:
    """The characters that the value alone decides, for each offset."""
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + data + bytes(3)).decode()
        first, last = -(-offset * 8 // 6), (offset + len(data)) * 8 // 6
        rest = (
            (offset + len(data)) * 8 % 6
        )  # bits of the value in a digit that padding completes, where nothing follows
        end = f"(?:{_BREAK}{_digit(text[last])}{_PADDING})?" if rest else ""
        yield _BREAK.join(map(_digit, text[first:last])) + end


def _digit(one: str) -> str:
    """One digit of base64, in both alphabets."""
    if one == "+":
        return r"(?:[+\-]|%(?:25)*2[bB])"
    if one == "/":
        return r"(?:\\*/|_|%(?:25)*2[fF])"
    return one


def _byte(byte: int) -> str:
    return f"(?i:{byte:02x})"
