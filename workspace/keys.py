"""Keys, and the one place that opens what they closed.

    master key          32 bytes, outside the database: a file (mode 0600) or the environment
      ├─ wraps          one data key per workspace (rows of `workspace_keys`), AES-256-GCM
      └─ derives        secrets for other purposes, each by its own label (HMAC-SHA256), so that none of them opens data
    data key            encrypts the workspace's fields, AES-256-GCM with a fresh 96-bit nonce each

A closed field is `version(1) | key number(4) | nonce(12) | ciphertext+tag`. Its associated data name table, column, workspace and row: a
ciphertext that is copied to another place doesn't open there. Rotation of the master key re-wraps data keys and touches no field; a
new data key gets the next number, and older numbers go on opening what they closed (`workspace/data_rotation.py`).

Each wrapped key carries the fingerprint of the master key that wrapped it. A process that starts with another master key finds that out
by `Vault.check` before it does anything, instead of failing at the first field.

Rotation of the master key, under load (`workspace/rotation.py`):

    the file or variable holds  OLD        everything is wrapped by OLD
                                NEW OLD    what is wrapped from now on is wrapped by NEW; both open; the rest is wrapped again, row by row
                                NEW        nothing is wrapped by OLD any more

Each row is right in each of these states, so a rotation that dies anywhere is taken up where it was. A process that meets a fingerprint which it
doesn't know reads its file again, and so it does before it wraps. What is derived stays the same: the first rotation keeps its root, wrapped.

Data keys are remembered. Who closes something asks at most `FRESH_S` later whether there is a newer one; who opens something asks when its
number is unknown. While the database doesn't answer, things are closed with what is known, up to `STALE_S` after the last answer.

Rejected: one key for everything (one leak opens all, and a workspace can't be forgotten by destroying its key); deriving data keys from the
master key (rotation would then have to re-encrypt every field).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from db.errors import DatabaseUnavailable
from workspace.aead import KEY_SIZE, Aead, NotOpened

FRESH_S = 30.0
"""Seconds for which a process closes with the newest key that it knows before it asks again."""
STALE_S = 300.0
"""Seconds after which it closes nothing if nobody answers."""
_ASK_AGAIN_S = 2.0
_VERSION = 1
_FEWEST_BYTES = 10
"""Of 32 random bytes hardly ever fewer than 22 differ."""
_HEAD = 1 + 4


class KeyProblem(Exception):
    """Base of all below: the message is one sentence for the operator and holds no key."""


class BadMasterKey(KeyProblem):
    """The text or file given as the master key isn't one."""


class WrongMasterKey(KeyProblem):
    """The database's keys were wrapped by another master key."""

    def __init__(self) -> None:
        super().__init__(
            "The master key is not the one that this database was set up with. Give the original key by "
            "MILLSTREAM_MASTER_KEY or MILLSTREAM_MASTER_KEY_FILE."
        )


class Unreadable(KeyProblem):
    """A closed field doesn't open: it was changed, stands in a place that it wasn't closed for, or its key is gone."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it stands in the database. `number` counts from 1 in its workspace; `master` is the wrapping key's fingerprint."""

    number: int
    master: str
    wrapped: bytes


class KeyStore(Protocol):
    """Where wrapped data keys are kept."""

    async def wrapped_keys(self, workspace_id: int) -> list[WrappedKey]:
        """In order of number."""
        ...

    async def add_wrapped_key(self, workspace_id: int, key: WrappedKey) -> list[WrappedKey]:
        """All keys afterwards: where a key of that number stands already, it stays and `key` is dropped."""
        ...

    async def any_wrapped_key(self) -> tuple[int, WrappedKey] | None:
        """Some workspace's key, None where there is none yet."""
        ...

    async def wrapped_root(self) -> WrappedKey | None:
        """The root of what is derived, None before the first rotation."""
        ...


class KeyProvider(Protocol):
    """The holder of the master keys."""

    def current(self) -> LocalKey:
        """The one that wraps from now on. Raises `BadMasterKey`."""
        ...

    def oldest(self) -> LocalKey:
        """The last one that is given: until the first rotation is done, things are derived from it."""
        ...

    def named(self, fingerprint: str) -> LocalKey | None:
        """The one that wrapped under this name, if it is still given."""
        ...


class LocalKey:
    """A master key in this process's memory, and a `KeyProvider` that has no other."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise BadMasterKey(f"The master key must have 32 bytes, this one has {len(key)}.")
        self._root = key
        self._cipher = Aead(self.derive("wrap"))
        self._fingerprint = self.derive("fingerprint")[:8].hex()
        self.made_by_chance = len(set(key)) >= _FEWEST_BYTES and not all(32 <= byte < 127 for byte in key)
        """Whether it looks so: a typed text and a pattern don't."""

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def root(self) -> bytes:
        """The key itself: the first rotation keeps it as the root of what is derived."""
        return self._root

    def current(self) -> LocalKey:
        return self

    def oldest(self) -> LocalKey:
        return self

    def named(self, fingerprint: str) -> LocalKey | None:
        return self if fingerprint == self._fingerprint else None

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        return self._cipher.close(data_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Raises `WrongMasterKey`."""
        try:
            return self._cipher.open(wrapped, bound_to)
        except NotOpened:
            raise WrongMasterKey from None

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        message = b"".join(len(part).to_bytes(4, "big") + part for part in (purpose.encode(), *parts))
        return hmac.new(self._root, message, hashlib.sha256).digest()


class MasterKeys:
    """A `KeyProvider` over what `read` gives, such as a file: read again for a key that isn't known, and before each wrapping."""

    def __init__(self, read: Callable[[], Sequence[LocalKey]]) -> None:
        self._read = read
        self._known = list(read())

    def current(self) -> LocalKey:
        self._known = list(self._read())
        return self._known[0]

    def oldest(self) -> LocalKey:
        return self._known[-1]

    def named(self, fingerprint: str) -> LocalKey | None:
        for again in (False, True):
            if again:
                self._known = list(self._read())
            for key in self._known:
                if key.fingerprint == fingerprint:
                    return key
        return None


def master_keys_from_text(text: str) -> list[LocalKey]:
    """One key, or several between blanks, line ends or commas: the first wraps, the others only open. Raises `BadMasterKey`."""
    found = [master_key_from_text(part) for part in text.replace(",", " ").split()]
    if not found:
        raise BadMasterKey("The master key must be 32 bytes in hexadecimal or base64.")
    return found


def master_key_from_text(text: str) -> LocalKey:
    """From 32 bytes in hex or base64, as an environment variable holds them. Raises `BadMasterKey`."""
    text = text.strip()
    try:
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise BadMasterKey("The master key must be 32 bytes in hexadecimal or base64.") from None
    return LocalKey(raw)


def master_key_from_file(path: Path, *, create: bool) -> LocalKey:
    """The key of the file that wraps; with `create`, make it when it is missing. Two processes that make it at once end up with one key.

    Raises `BadMasterKey` when it is missing, unreadable, or holds no key.
    """
    if create and not path.exists():
        _create(path)
    return read_master_keys(path)[0]


def read_master_keys(path: Path) -> list[LocalKey]:
    """All keys of a file, as `master_keys_from_text`. Raises `BadMasterKey`."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise BadMasterKey(f"There is no master key file at {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadMasterKey(f"The master key file {str(path)!r} can't be read: {error.__class__.__name__}.") from None
    return master_keys_from_text(text)


def _create(path: Path) -> None:
    """Written aside and linked into place, so that no reader sees half a key and the first of two writers wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(32)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        aside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a closed field stands. `row` is the row's key as text."""

    table: str
    column: str
    workspace_id: int
    row: str

    def bound(self) -> bytes:
        parts = (self.table, self.column, str(self.workspace_id), self.row)
        return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


@dataclass(slots=True)
class _Ring:
    """The opened data keys of one workspace; the highest number closes new fields. Times are of this process's clock."""

    ciphers: dict[int, Aead]
    newest: int
    read_at: float
    ask_at: float


class Vault:
    """Closes and opens fields. One per process; data keys are opened once and kept in memory."""

    def __init__(
        self, provider: KeyProvider, store: KeyStore, *, fresh_s: float = FRESH_S, stale_s: float = STALE_S
    ) -> None:
        self._provider = provider
        self._store = store
        self._fresh_s, self._stale_s = fresh_s, stale_s
        self._rings: dict[int, _Ring] = {}
        self._root: LocalKey | None = None

    async def check(self) -> None:
        """Before anything is derived. Raises `WrongMasterKey` when the database holds keys that no master key at hand wrapped."""
        kept = await self._store.wrapped_root()
        self._root = None if kept is None else LocalKey(opened_by(self._provider, kept, ROOT))
        found = await self._store.any_wrapped_key()
        if found is not None:
            await self._open(*found)

    async def bind(self, workspace_id: int) -> None:
        """Make the workspace's data key if it has none: from then on `check` finds out another master key. Raises `WrongMasterKey`."""
        if workspace_id not in self._rings:
            await self._ring(workspace_id, make=True)

    async def encrypt(self, place: Place, plain: bytes) -> bytes:
        """Closed with the workspace's newest key. Raises `WrongMasterKey`, `DatabaseUnavailable`."""
        ring = await self._newest_ring(place.workspace_id)
        return head_of(ring.newest) + ring.ciphers[ring.newest].close(plain, place.bound())

    async def decrypt(self, place: Place, closed: bytes) -> bytes:
        """The one function of the product that opens a closed field. Raises `Unreadable`, `WrongMasterKey`."""
        if len(closed) < _HEAD or closed[0] != _VERSION:
            raise Unreadable(f"A value in {place.table}.{place.column} is not one that Millstream encrypted.")
        number = number_of(closed)
        ring = self._rings.get(place.workspace_id)
        if ring is None or number not in ring.ciphers:
            ring = await self._ring(place.workspace_id, make=False)
        cipher = ring.ciphers.get(number)
        if cipher is None:
            raise Unreadable(f"The key that a value in {place.table}.{place.column} was encrypted with is gone.")
        try:
            return cipher.open(closed[_HEAD:], place.bound())
        except NotOpened:
            raise Unreadable(
                f"A value in {place.table}.{place.column} was changed, or moved from another row."
            ) from None

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        """A secret for another purpose than closing fields, as the signature of resume links."""
        return (self._root or self._provider.oldest()).derive(purpose, *parts)

    async def _newest_ring(self, workspace_id: int) -> _Ring:
        ring = self._rings.get(workspace_id)
        now = time.monotonic()
        if ring is None:
            return await self._ring(workspace_id, make=True)
        usable = now < ring.read_at + self._stale_s
        if usable and now < ring.ask_at:
            return ring
        # One asks; whoever comes meanwhile goes on with what is known.
        ring.ask_at = now + _ASK_AGAIN_S
        try:
            return await self._ring(workspace_id, make=True)
        except DatabaseUnavailable:
            if usable:
                return ring
            raise

    async def _ring(self, workspace_id: int, *, make: bool) -> _Ring:
        read_at = time.monotonic()
        keys = await self._store.wrapped_keys(workspace_id)
        if not keys and make:
            master = self._provider.current()
            wrapped = master.wrap(os.urandom(KEY_SIZE), bound_key(workspace_id, 1))
            keys = await self._store.add_wrapped_key(workspace_id, WrappedKey(1, master.fingerprint, wrapped))
        known = {} if (ring := self._rings.get(workspace_id)) is None else ring.ciphers
        ciphers = {key.number: known.get(key.number) or Aead(await self._open(workspace_id, key)) for key in keys}
        ring = _Ring(ciphers, max(ciphers, default=0), read_at, read_at + self._fresh_s)
        if ciphers:
            self._rings[workspace_id] = ring
        return ring

    async def _open(self, workspace_id: int, key: WrappedKey) -> bytes:
        return opened_by(self._provider, key, bound_key(workspace_id, key.number))


ROOT = b"root of derived keys"
"""What the wrapped root is bound to."""


def opened_by(provider: KeyProvider, key: WrappedKey, bound_to: bytes) -> bytes:
    """Raises `WrongMasterKey`."""
    master = provider.named(key.master)
    if master is None:
        raise WrongMasterKey
    return master.unwrap(key.wrapped, bound_to)


def head_of(number: int) -> bytes:
    """How what is closed with the data key of that number begins; heads are in the order of numbers."""
    return bytes((_VERSION,)) + number.to_bytes(4, "big")


def number_of(closed: bytes) -> int:
    """Of the data key that closed it."""
    return int.from_bytes(closed[1:_HEAD], "big")


def bound_key(workspace_id: int, number: int) -> bytes:
    """What a wrapped data key is bound to."""
    return f"data key {number} of workspace {workspace_id}".encode()
