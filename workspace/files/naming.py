"""What a file may be called. A name is data: no path, no object and no header is ever made of it as it stands."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote

from db.data import storable
from modules.sdk.files import NewFile
from modules.sdk.verdicts import Rejected

_LONGEST_NAME = 255
_LONGEST_TAG = 100
_MOST_TAGS = 50
_LONGEST_LIFE = 100 * 366 * 86400.0
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,99}/[a-z0-9][a-z0-9!#$&^_.+-]{0,99}")
_UNKNOWN = "application/octet-stream"
# Python's own table alone: what the machine's files say would make two servers answer differently.
_TYPES = mimetypes.MimeTypes()


def checked(new: NewFile) -> NewFile:
    """The same with its media type. Raises Rejected `input.invalid`."""
    name = checked_name(new.name)
    return NewFile(name, checked_type(new.mime_type, name), checked_tags(new.tags), checked_life(new.expires_in))


def checked_name(name: str) -> str:
    """Raises Rejected `input.invalid`."""
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise Rejected("input.invalid", f"a file's name has 1 to {_LONGEST_NAME} characters, not {len(name)}")
    if not storable(name):
        raise Rejected("input.invalid", "a file's name can't hold NUL or half of a surrogate pair")
    return name


def checked_type(given: str | None, name: str) -> str:
    """The media type, without parameters; the one that the name tells where none is given. Raises Rejected `input.invalid`."""
    if given is None or not given.strip():
        return _TYPES.guess_type(name, strict=False)[0] or _UNKNOWN
    plain = given.partition(";")[0].strip().lower()
    if _MIME.fullmatch(plain) is None:
        raise Rejected("input.invalid", f"{given[:100]!r} is not a media type: it looks like `text/csv`")
    return plain


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Each once, in their order. Raises Rejected `input.invalid`."""
    found = tuple(dict.fromkeys(tags))
    if len(found) > _MOST_TAGS:
        raise Rejected("input.invalid", f"a file has at most {_MOST_TAGS} tags, not {len(found)}")
    for tag in found:
        if not 1 <= len(tag) <= _LONGEST_TAG or not storable(tag):
            raise Rejected(
                "input.invalid", f"a tag is a text of 1 to {_LONGEST_TAG} characters, which {tag[:100]!r} isn't"
            )
    return found


def checked_life(expires_in: float | None) -> float | None:
    """Raises Rejected `input.invalid`."""
    if expires_in is not None and not 0 < expires_in <= _LONGEST_LIFE:
        raise Rejected("input.invalid", "`expires_in` is more than nothing, and a hundred years at most")
    return expires_in


def safe_name(name: str) -> str:
    """The name for somebody's folder: no separators, no control or direction characters, nothing that stands for a folder or hides."""
    plain = "".join("_" if each in '/\\:*?"<>|' or _unprintable(each) else each for each in name)
    plain = plain.strip(" .")
    return plain or "file"


def disposition(name: str) -> str:
    """`Content-Disposition` (RFC 6266): to be saved and never shown, under the safe name."""
    safe = safe_name(name)
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", safe)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def _unprintable(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
