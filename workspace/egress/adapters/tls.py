"""TLS to a pinned address under the name that was asked for."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Self

import certifi

if TYPE_CHECKING:
    from ssl import MemoryBIO, SSLObject, SSLSession


class NamedContext(ssl.SSLContext):
    """A client's context whose connections are made under `name`, whatever host the library believes that it talks to.

    A library that is given an address to connect to takes it for the server's name as well; SNI and the check of the certificate
    must see the name instead. Each TLS connection of asyncio and of uvloop begins in `wrap_bio`.
    """

    name: str

    @classmethod
    def of(cls, name: str, *, verify: bool = True, authority: str | None = None) -> Self:
        """`authority`: certificates in PEM that are trusted instead of the public ones. Raises ValueError when it holds none."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.name = name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif authority is None:
            trust_public(context)
        else:
            try:
                context.load_verify_locations(cadata=authority)
            except ssl.SSLError:
                raise ValueError("the authority's certificate isn't in PEM") from None
        return context

    def wrap_bio(
        self,
        incoming: MemoryBIO,
        outgoing: MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: SSLSession | None = None,
    ) -> SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.name, session)


def trust_public(context: ssl.SSLContext) -> None:
    """The certificates of the system, where an operator adds a private authority, and the public ones that come with the product."""
    context.load_default_certs()
    context.load_verify_locations(certifi.where())
