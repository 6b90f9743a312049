"""A connection's credential on its way to the wire.

It isn't among the request's headers, where it would be carried along: the client asks for each single request, redirects included,
whether the target is one of the hosts that the credential is for, and only then writes it, as the last thing before the bytes
go out. So no address that is kept, shown or logged ever holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus, urlencode

from modules.sdk.verdicts import Rejected
from workspace.egress import headers as head
from workspace.egress.target import Target, host_and_port


@dataclass(frozen=True, slots=True)
class Attached:
    """`headers` and `query` are added to requests whose target matches one of `hosts`.

    A host is `[scheme://]host[:port]`: `api.example.com`, `*.example.com` (each name below it, not itself), `10.1.2.3:8443`,
    `https://api.example.com`. Without scheme or port any is meant. No host: the credential goes nowhere.
    """

    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    hosts: tuple[str, ...] = ()

    def matches(self, target: Target) -> bool:
        """Whether the credential may be sent there."""
        return any(_matches(entry, target) for entry in self.hosts)


def check_allowed(credential: Attached | None, target: Target, headers: Mapping[str, str]) -> None:
    """For the request as its author gave it, `headers` by name in lower case.

    Raises Rejected `connection.host` where the target isn't one of the credential's hosts (a redirect there merely goes
    without it), `input.invalid` where the author sets what the credential sets.
    """
    if credential is None:
        return
    if not credential.matches(target):
        raise Rejected(
            "connection.host",
            f"the step's connection is for {', '.join(map(repr, credential.hosts)) or 'no host'}, and the request goes to "
            f"{target.authority!r}: add the host to the connection's `allowed_hosts`, or leave the connection out",
        )
    both = sorted(headers.keys() & head.checked(credential.headers).keys())
    if both:
        raise Rejected("input.invalid", f"the step's connection sets the header {both[0]!r}: leave it out of `headers`")
    names = {unquote_plus(pair.partition("=")[0]) for pair in _query(target.path).split("&")}
    twice = sorted(names & credential.query.keys())
    if twice:
        raise Rejected("input.invalid", f"the step's connection sets {twice[0]!r} in the query: leave it out")


def headers_for(credential: Attached | None, target: Target) -> dict[str, str]:
    """What the request to this target carries besides its own headers. Raises Rejected `input.invalid` for what can't be sent."""
    return head.checked(credential.headers) if credential is not None and credential.matches(target) else {}


def path_for(credential: Attached | None, target: Target) -> bytes:
    """The target's path and query, with the credential's own where it may be sent."""
    if credential is None or not credential.query or not credential.matches(target):
        return target.path
    joint = b"" if target.path.endswith((b"?", b"&")) else b"&" if b"?" in target.path else b"?"
    return target.path + joint + urlencode(dict(credential.query), errors="replace").encode("ascii")


def _query(path: bytes) -> str:
    return path.partition(b"?")[2].decode("ascii", "replace")


def _matches(entry: str, target: Target) -> bool:
    scheme, found, rest = entry.strip().rpartition("://")
    if found and scheme.lower() != target.scheme:
        return False
    below = rest.startswith("*.")
    try:
        host, port = host_and_port(rest[2:] if below else rest)
    except Rejected:
        return False  # an entry that means nothing admits nothing
    if port is not None and port != target.port:
        return False
    return target.host.endswith(f".{host}") if below else target.host == host
