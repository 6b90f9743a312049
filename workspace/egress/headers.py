"""Headers that may be sent, and those that may go along to another origin."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modules.sdk.verdicts import Rejected
from workspace.egress.decoding import ACCEPTED
from workspace.egress.target import Target

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")

# They belong to the connection, or say where the message ends: wrong ones would let a request say two things at once.
_OURS = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
# All that another origin gets after a redirect. A list of what is safe and not of what is secret, since any header may be a credential.
_HARMLESS = frozenset(("accept", "accept-language", "content-type", "idempotency-key", "user-agent"))
_OF_BODY = frozenset(("content-type", "content-encoding", "content-language", "content-location"))

USER_AGENT = "Millstream"


def checked(headers: Mapping[str, str]) -> dict[str, str]:
    """By name in lower case. Raises Rejected `input.invalid` for names and values that can't be sent or aren't the caller's to set."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if _NAME.fullmatch(name) is None:
            raise Rejected("input.invalid", f"{name[:100]!r} is not a header name")
        if lower in _OURS or lower.startswith("proxy-"):
            raise Rejected("input.invalid", f"the header {name!r} is set by the client itself and can't be given")
        if _VALUE.fullmatch(value) is None:
            raise Rejected("input.invalid", f"the value of the header {name!r} has control characters")
        if lower in found:
            raise Rejected("input.invalid", f"the header {name!r} is given twice")
        found[lower] = value.strip(" \t")
    return found


def for_the_wire(headers: Mapping[str, str], target: Target, content: bytes | None) -> list[tuple[bytes, bytes]]:
    """The whole head of a request. Values beyond ASCII go as UTF-8."""
    whole = {
        "host": target.authority,
        "accept": "*/*",
        "accept-encoding": ACCEPTED,
        "user-agent": USER_AGENT,
        **headers,
    }
    if content is not None:
        whole["content-length"] = str(len(content))
    return [(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in whole.items()]


def after_redirect(headers: Mapping[str, str], *, same_origin: bool, body_dropped: bool) -> dict[str, str]:
    """What the next request carries."""
    return {
        name: value
        for name, value in headers.items()
        if (same_origin or name in _HARMLESS) and not (body_dropped and name in _OF_BODY)
    }
