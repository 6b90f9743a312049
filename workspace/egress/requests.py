"""One request as it goes out, and the one that follows from a redirect. No network here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpcore

from modules.sdk.verdicts import Rejected
from workspace.egress import headers as head
from workspace.egress.attached import Attached, check_allowed, headers_for, path_for
from workspace.egress.target import Target, parse_target

MOST_REDIRECTS = 5
REDIRECTS = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` are the author's, by name in lower case; what `credential` adds is in none of these fields."""

    method: str
    target: Target
    headers: dict[str, str]
    content: bytes | None
    credential: Attached | None = None

    @property
    def url(self) -> httpcore.URL:
        """For the wire only: it may hold the credential."""
        path = path_for(self.credential, self.target)
        return httpcore.URL(scheme=self.target.scheme, host=self.target.host, port=self.target.port, target=path)

    @property
    def body(self) -> bytes | None:
        """What is sent. A write without a body says so with a length of 0, as servers expect."""
        if self.content is None and self.method in ("POST", "PUT", "PATCH"):
            return b""
        return self.content

    def head(self, content: bytes | None) -> list[tuple[bytes, bytes]]:
        """The whole head. The length is that of `content`; None leaves it out."""
        return head.for_the_wire({**self.headers, **headers_for(self.credential, self.target)}, self.target, content)


def make_request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    content: bytes | None = None,
    credential: Attached | None = None,
) -> Request:
    """Raises Rejected `input.invalid`, `connection.host`."""
    request = Request(method.upper(), parse_target(url), head.checked(headers or {}), content, credential)
    check_allowed(credential, request.target, request.headers)
    return request


def redirected(request: Request, status: int, location: str) -> Request:
    """The request that a redirect asks for. Raises Rejected `http.redirect` for one that isn't followed.

    Once a chain has left the hosts of its credential, it goes on without it, also back to them: whoever is outside must not
    choose what the credential is used for.
    """
    try:
        target = parse_target(location, request.target)
    except Rejected as error:
        raise Rejected(
            "http.redirect", f"the answer redirects to somewhere else than a web address: {error.message}"
        ) from None
    if request.target.scheme == "https" and target.scheme == "http":
        raise Rejected(
            "http.redirect", f"the answer redirects from https to http ({target.authority!r}), which is refused"
        )
    becomes_get = (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST")
    headers = head.after_redirect(
        request.headers, same_origin=target.origin == request.target.origin, body_dropped=becomes_get
    )
    credential = request.credential if request.credential is not None and request.credential.matches(target) else None
    following = replace(request, target=target, headers=headers, credential=credential)
    return replace(following, method="GET", content=None) if becomes_get else following
