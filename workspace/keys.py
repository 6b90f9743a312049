"""Keys, and the one place that opens what they closed.

    master key          32 bytes, outside the database: a file (mode 0600) or the environment
      ├─ wraps          one data key per workspace (rows of `workspace_keys`), AES-256-GCM
      └─ derives        secrets for other purposes, each by its own label (HMAC-SHA256), so that none of them opens data
    data key            encrypts the workspace's fields, AES-256-GCM with a fresh 96-bit nonce each

A closed field is `version(1) | key id(16) | nonce(12) | ciphertext+tag`. Its associated data name table, column, workspace and row: a
ciphertext that is copied to another place doesn't open there. Rotation of the master key re-wraps data keys and touches no field; a
new data key takes over for what is closed from then on, and retired ones go on opening what they closed.

A wrapped key is `fingerprint of the master key(8) | nonce(12) | ciphertext+tag`. A process that starts with another master key finds that out
by `Vault.check` before it does anything, instead of failing at the first field.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1
_NONCE = 12
_FINGERPRINT = 8
_HEAD = 1 + 16


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
    """A data key as it stands in the database. At most one of a workspace's keys is `current`: it closes new fields."""

    key_id: UUID
    wrapped: bytes
    current: bool = True


class KeyStore(Protocol):
    """Where wrapped data keys are kept."""

    async def wrapped_keys(self, workspace_id: int) -> list[WrappedKey]:
        """Of one workspace, current and retired."""
        ...

    async def add_wrapped_key(self, workspace_id: int, key: WrappedKey) -> None:
        """Where the workspace has a current key already, that one stays and `key` is dropped."""
        ...

    async def any_wrapped_key(self) -> tuple[int, WrappedKey] | None:
        """Some workspace and a key of it, None where there is none yet."""
        ...


class KeyProvider(Protocol):
    """The holder of the master key. It wraps and derives, and never gives the key itself away."""

    async def wrap(self, data_key: bytes, bound_to: bytes) -> bytes: ...

    async def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        """Raises `WrongMasterKey`, `Unreadable`."""
        ...

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        """32 bytes that only this master key gives for these arguments."""
        ...


class LocalKey:
    """A `KeyProvider` over 32 bytes in this process's memory."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise BadMasterKey(f"The master key must have 32 bytes, this one has {len(key)}.")
        self._root = key
        self._cipher = AESGCM(self.derive("wrap"))
        self._fingerprint = self.derive("fingerprint")[:_FINGERPRINT]

    async def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return self._fingerprint + nonce + self._cipher.encrypt(nonce, data_key, bound_to)

    async def unwrap(self, wrapped: bytes, bound_to: bytes) -> bytes:
        if wrapped[:_FINGERPRINT] != self._fingerprint:
            raise WrongMasterKey
        nonce, closed = wrapped[_FINGERPRINT : _FINGERPRINT + _NONCE], wrapped[_FINGERPRINT + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, closed, bound_to)
        except InvalidTag:
            raise Unreadable("A workspace's data key was changed, or belongs to another workspace.") from None

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        message = b"".join(len(part).to_bytes(4, "big") + part for part in (purpose.encode(), *parts))
        return hmac.new(self._root, message, hashlib.sha256).digest()


def master_key_from_text(text: str) -> LocalKey:
    """From 32 bytes in hex or base64, as an environment variable holds them. Raises `BadMasterKey`."""
    text = text.strip()
    try:
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise BadMasterKey("The master key must be 32 bytes in hexadecimal or base64.") from None
    return LocalKey(raw)


def master_key_from_file(path: Path, *, create: bool) -> LocalKey:
    """Read the key file; with `create`, make it when it is missing. Two processes that make it at once end up with one key.

    Raises `BadMasterKey` when it is missing, unreadable, or holds no key.
    """
    if create and not path.exists():
        _create(path)
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise BadMasterKey(f"There is no master key file at {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadMasterKey(f"The master key file {str(path)!r} can't be read: {error.__class__.__name__}.") from None
    return master_key_from_text(text)


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
    """The opened data keys of one workspace. None is current where all were retired."""

    ciphers: dict[UUID, AESGCM]
    current: UUID | None


class Vault:
    """Closes and opens fields. One per process; data keys are opened once and kept in memory."""

    def __init__(self, provider: KeyProvider, store: KeyStore) -> None:
        self._provider = provider
        self._store = store
        self._rings: dict[int, _Ring] = {}

    async def check(self) -> None:
        """Raises `WrongMasterKey` when the database holds keys that the master key at hand didn't wrap."""
        found = await self._store.any_wrapped_key()
        if found is not None:
            await self._open(*found)

    async def encrypt(self, place: Place, plain: bytes) -> bytes:
        """Close a field; a workspace without a current data key gets one."""
        ring = self._rings.get(place.workspace_id)
        if ring is None or ring.current is None:
            ring = await self._made_ring(place.workspace_id)
        assert ring.current is not None
        nonce = os.urandom(_NONCE)
        closed = ring.ciphers[ring.current].encrypt(nonce, plain, place.bound())
        return bytes((_VERSION,)) + ring.current.bytes + nonce + closed

    async def decrypt(self, place: Place, closed: bytes) -> bytes:
        """The one function of the product that opens a closed field. Raises `Unreadable`, `WrongMasterKey`."""
        if len(closed) < _HEAD + _NONCE + 16 or closed[0] != _VERSION:
            raise Unreadable(f"A value in {place.table}.{place.column} is not one that Millstream encrypted.")
        key_id = UUID(bytes=closed[1:_HEAD])
        ring = self._rings.get(place.workspace_id)
        if ring is None or key_id not in ring.ciphers:
            ring = await self._ring(place.workspace_id)
        cipher = ring.ciphers.get(key_id)
        if cipher is None:
            raise Unreadable(f"The key that a value in {place.table}.{place.column} was encrypted with is gone.")
        nonce = closed[_HEAD : _HEAD + _NONCE]
        try:
            return cipher.decrypt(nonce, closed[_HEAD + _NONCE :], place.bound())
        except InvalidTag:
            raise Unreadable(
                f"A value in {place.table}.{place.column} was changed, or moved from another row."
            ) from None

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        """A secret for another purpose than closing fields, as the signature of resume links."""
        return self._provider.derive(purpose, *parts)

    async def _made_ring(self, workspace_id: int) -> _Ring:
        ring = await self._ring(workspace_id)
        if ring.current is None:
            key_id = uuid4()
            wrapped = await self._provider.wrap(os.urandom(32), _bound(workspace_id, key_id))
            await self._store.add_wrapped_key(workspace_id, WrappedKey(key_id, wrapped))
            ring = await self._ring(workspace_id)  # another process may have been first
        return ring

    async def _ring(self, workspace_id: int) -> _Ring:
        keys = await self._store.wrapped_keys(workspace_id)
        ciphers = {key.key_id: AESGCM(await self._open(workspace_id, key)) for key in keys}
        ring = _Ring(ciphers, next((key.key_id for key in keys if key.current), None))
        if ciphers:
            self._rings[workspace_id] = ring
        return ring

    async def _open(self, workspace_id: int, key: WrappedKey) -> bytes:
        return await self._provider.unwrap(key.wrapped, _bound(workspace_id, key.key_id))


def _bound(workspace_id: int, key_id: UUID) -> bytes:
    return f"data key {key_id} of workspace {workspace_id}".encode()
