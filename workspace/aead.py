"""AES-256-GCM as everything here is closed by it: `nonce(12) | ciphertext | tag(16)`, a fresh nonce each time."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
_NONCE = 12
_TAG = 16


class NotOpened(Exception):
    """Another key closed it, for another place, or it was changed since."""


class Aead:
    """One key. Up to 2^32 messages may be closed by it: nonces are drawn by chance (NIST SP 800-38D, section 8.3)."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError unless the key has 32 bytes."""
        if len(key) != KEY_SIZE:
            raise ValueError(f"a key has {KEY_SIZE} bytes, this one has {len(key)}")
        self._cipher = AESGCM(key)

    def close(self, plain: bytes, bound_to: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, bound_to)

    def open(self, closed: bytes, bound_to: bytes) -> bytes:
        """Raises `NotOpened`."""
        if len(closed) < _NONCE + _TAG:
            raise NotOpened
        try:
            return self._cipher.decrypt(closed[:_NONCE], closed[_NONCE:], bound_to)
        except InvalidTag:
            raise NotOpened from None
