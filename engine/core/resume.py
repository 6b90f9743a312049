"""The token of a resume address: it names the run and the step, and can't be made without the run's secret.

    base64url( run id, 16 bytes | HMAC-SHA256(secret, path) cut to 16 bytes | path in UTF-8 )

An address may be of one person: then `path` is followed by a line feed and who it is, so that an answer says by whose mail it came. Nobody can
turn one person's address into another's, or into the step's own.

It depends on nothing that changes, so that the address is known when the step's scope starts, and is the same after each restart.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass

from engine.core.start import ResumeBase

_ID = 16
_MAC = 16


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """A token's parts; not yet verified. `run_id` is in the form `xxxxxxxx-xxxx-…`."""

    run_id: str
    path: str
    mac: bytes
    who: str | None = None


def make_token(run_id: str, path: str, secret: bytes, who: str | None = None) -> str:
    """The token of one event step of one run, of one person if `who` is given. `run_id` is a UUID in any of its spellings."""
    signed = _signed(path, who)
    raw = bytes.fromhex(run_id.replace("-", "")) + _mac(secret, signed) + signed.encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def parse_token(token: str) -> ResumeToken | None:
    """The parts of what may be a token; None where it can't be one."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        path, personal, who = raw[_ID + _MAC :].decode().partition("\n")
    except (binascii.Error, ValueError):
        return None
    if not path:
        return None
    id_ = raw[:_ID].hex()
    run_id = f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}"
    return ResumeToken(run_id, path, raw[_ID : _ID + _MAC], who if personal else None)


def verify(token: ResumeToken, secret: bytes) -> bool:
    """Whether the token was made with this secret."""
    return hmac.compare_digest(token.mac, _mac(secret, _signed(token.path, token.who)))


def resume_url(base: ResumeBase, run_id: str, path: str, who: str | None = None) -> str:
    """The address to post to."""
    return f"{base.base_url.rstrip('/')}/resume/{make_token(run_id, path, base.secret, who)}"


def _signed(path: str, who: str | None) -> str:
    return path if who is None else f"{path}\n{who}"


def _mac(secret: bytes, path: str) -> bytes:
    return hmac.digest(secret, path.encode(), "sha256")[:_MAC]
