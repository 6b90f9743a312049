"""Values as rows keep them: JSON text, bytes under the hash of themselves, and text that fits a key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from db.json import Json, dumps

_LONGEST_KEY = 512


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes kept beside a run. `ref` names them within the run; see `ref_of`."""

    ref: str
    body: bytes
    media_type: str = "application/json"


def ref_of(body: bytes) -> str:
    """The address of bytes: the first 32 hexadecimal digits of their SHA-256."""
    return hashlib.sha256(body).hexdigest()[:32]


def json_or_none(value: Json) -> str | None:
    """JSON text, None for null: a column tells no difference between the two."""
    return None if value is None else dumps(value)


def storable(text: str) -> bool:
    """Whether a text column can hold it: NUL and halves of surrogate pairs it can't."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def fitting_key(key: str) -> str:
    """`key` as a text column and its index can hold it: what is long or not storable becomes its hash."""
    encoded = key.encode("utf-8", "surrogatepass")
    if len(encoded) <= _LONGEST_KEY and storable(key):
        return key
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"
