"""Addresses of mail, as people write them: `ada@example.com`, `Ada <ada@example.com>`, `"Lovelace, Ada" <ada@example.com>`, or several with
commas between.

Own, because what the standard library takes apart forgivingly (comments, routes, groups, an address inside of a name) is what attacks on
mail are made of. Whatever isn't plainly one of these forms is refused, with the place where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modules.sdk.json import Json
from modules.sdk.verdicts import Rejected

_LONGEST_LOCAL = 64
_LONGEST_DOMAIN = 255
_LONGEST_NAME = 500
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a0-\U0010ffff]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,900}>")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`address` is `local@domain` with the domain in ASCII and lower case; `name` may be empty."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def mailboxes_of(value: Json, field: str) -> tuple[Mailbox, ...]:
    """A text, an object `{address, name}`, or a list of these; null is none. Raises Rejected `input.invalid`, which names `field`."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(box for index, item in enumerate(value) for box in _boxes(item, f"{field}[{index}]"))
    return tuple(_boxes(value, field))


def mailbox_of(value: Json, field: str) -> Mailbox:
    """The same of exactly one."""
    found = mailboxes_of(value, field)
    if len(found) != 1:
        raise _wrong(field, f"it must be one address, not {len(found)}")
    return found[0]


def header_text(value: str, field: str) -> str:
    """A text that may stand in a header. Raises Rejected `input.invalid` for line ends and other control characters."""
    for char in value:
        if (char < " " and char != "\t") or char == "\x7f":
            what = "a line break" if char in "\r\n" else "a control character"
            raise _wrong(field, f"it holds {what} (U+{ord(char):04X}), which can't stand in a header of a mail")
    return body_text(value, field)


def body_text(value: str, field: str) -> str:
    """A text that may stand in a mail. Raises Rejected `input.invalid` for half characters, which no encoding has."""
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise _wrong(field, "it holds half a character (a lone surrogate)")
    return value


def message_ids_of(value: Json, field: str) -> tuple[str, ...]:
    """Message ids with their brackets, of a text (blanks between) or a list of texts; null and the empty text are none.

    A single id may come without its brackets. Raises Rejected `input.invalid`.
    """
    texts = value if isinstance(value, list) else [] if value is None else [value]
    found: list[str] = []
    for text in texts:
        if not isinstance(text, str):
            raise _wrong(field, "a message id is a text")
        # A header that was folded comes with line ends between its ids; they separate, and go no further.
        for word in text.split():
            one = word if word.startswith("<") else f"<{word}>"
            if not _ID.fullmatch(one):
                raise _wrong(field, f"{word[:100]!r} is no message id such as '<7f3a@example.com>'")
            if one not in found:
                found.append(one)
    return tuple(found)


def _boxes(value: Json, field: str) -> Iterator[Mailbox]:
    if isinstance(value, dict):
        address, name = value.get("address"), value.get("name")
        if not isinstance(address, str) or not isinstance(name, str | None) or not set(value) <= {"address", "name"}:
            raise _wrong(field, "an address is a text, or an object of `address` and `name`")
        yield _box(header_text(address, field).strip(), header_text(name or "", field), field)
    elif isinstance(value, str):
        parts = list(_split(header_text(value, field), field))
        for part in parts:
            yield _parsed(part, field)
    else:
        raise _wrong(field, "an address is a text, or an object of `address` and `name`")


def _split(text: str, field: str) -> Iterator[str]:
    """At commas that stand neither in quotes nor in brackets. Empty parts are left out."""
    part, quoted, angled, escaped = "", False, False, False
    for char in text:
        if char == "," and not quoted and not angled:
            if part.strip():
                yield part.strip()
            part = ""
            continue
        part += char
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angled = char == "<"
    if quoted or angled:
        raise _wrong(field, f"{text[:100]!r} has a quote or a bracket that doesn't close")
    if part.strip():
        yield part.strip()


def _parsed(part: str, field: str) -> Mailbox:
    if not part.endswith(">"):
        return _box(part, "", field)
    name, _, address = part[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    elif "<" in name or ">" in name:
        raise _wrong(field, f"{part[:100]!r} is no address such as 'Ada <ada@example.com>'")
    return _box(address.strip(), name, field)


def _box(address: str, name: str, field: str) -> Mailbox:
    local, at, domain = address.rpartition("@")
    host = _ascii(domain) if at else None
    if host is None or not _LOCAL.fullmatch(local) or len(local.encode()) > _LONGEST_LOCAL:
        raise _wrong(field, f"{address[:100]!r} is no address of mail such as 'ada@example.com'")
    if len(name) > _LONGEST_NAME:
        raise _wrong(field, f"the name has {len(name):,} characters, at most {_LONGEST_NAME} are allowed")
    return Mailbox(f"{local}@{host}", " ".join(name.split()))


def _ascii(domain: str) -> str | None:
    """The domain as DNS has it, None where it is none."""
    if domain.isascii():
        found = domain.lower()
    else:
        import idna  # its tables are large, and most domains need none of them

        try:
            found = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    return found if len(found) <= _LONGEST_DOMAIN and _HOST.fullmatch(found) else None


def _wrong(field: str, why: str) -> Rejected:
    return Rejected("input.invalid", f"`{field}`: {why}", details={"field": field})
