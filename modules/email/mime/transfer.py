"""What was done to a part's bytes so that they pass through 7 bits, undone."""

from __future__ import annotations

import binascii
import re

_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decoded(data: bytes, encoding: str) -> bytes:
    """As far as it can be read; under any other encoding than the two the bytes are what they are."""
    if encoding == "base64":
        plain = _NO_BASE64.sub(b"", data)
        plain = plain[: len(plain) - 1] if len(plain) % 4 == 1 else plain
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4))
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    return data
