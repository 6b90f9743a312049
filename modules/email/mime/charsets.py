"""Bytes to text, by what a sender calls their charset: never a failure, and only by codecs whose time is in proportion to the bytes."""

from __future__ import annotations

import codecs
import re

_KNOWN = frozenset(
    {
        *("utf-8", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le", "utf-7"),
        *(
            "big5",
            "big5hkscs",
            "gb2312",
            "gbk",
            "gb18030",
            "hz",
            "cp932",
            "shift_jis",
            "shift_jisx0213",
            "shift_jis_2004",
        ),
        *("euc_jp", "euc_jis_2004", "euc_jisx0213", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_3"),
        *("euc_kr", "cp949", "johab", "iso2022_kr", "koi8-r", "koi8-u", "kz1048", "ptcp154", "tis-620", "cp874"),
        *("iso8859-1", *(f"iso8859-{number}" for number in range(2, 17))),
        *(f"cp125{number}" for number in range(9)),
        *("cp437", "cp850", "cp852", "cp855", "cp858", "cp862", "cp864", "cp866", "mac-roman", "mac-cyrillic"),
    }
)
_MEANT = {
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
"""What senders write who name the smaller charset."""
_NAMES = {"ks_c_5601-1987": "cp949", "iso-8859-8-i": "iso8859-8", "x-sjis": "cp932", "x-gbk": "gb18030"}
_UNFIT = re.compile("[\x00\ud800-\udfff]")


def text_of(data: bytes, charset: str | None) -> str:
    """What can't be read is replaced. Without a charset, or under one that nobody knows, it is UTF-8 if it can be, else Windows' Latin."""
    codec = _codec(charset)
    if codec is not None:
        return clean(data.decode(codec, "replace"))
    try:
        return clean(data.decode())
    except ValueError:
        return clean(data.decode("cp1252", "replace"))


def clean(text: str) -> str:
    """Without what no text column holds."""
    return _UNFIT.sub("\ufffd", text)


def _codec(charset: str | None) -> str | None:
    """None: whatever it may be. US-ASCII is what is said where nothing was meant."""
    name = (charset or "").strip().strip("\"'").lower()
    name = _NAMES.get(name, name)
    if not name or len(name) > 40 or not name.isascii() or "\x00" in name:
        return None
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return _MEANT.get(found, found) if found in _KNOWN else None
