"""What a URL means for the network, read once: all later steps see this and not the text."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import httpx

from modules.sdk.verdicts import Rejected
from workspace.egress.policy import ascii_host

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """`host` is an ASCII name without a final dot, or an address without brackets; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: bytes

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header and messages name them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path.decode('ascii', 'replace')}"


def parse_target(text: str, base: Target | None = None) -> Target:
    """Reads an absolute URL, or with `base` one relative to it. Raises Rejected `input.invalid`; the message never repeats the URL whole."""
    try:
        url = httpx.URL(text)
        if base is not None:
            url = httpx.URL(str(base)).join(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise Rejected("input.invalid", f"the URL can't be read: {str(error)[:200]}") from None
    if url.scheme not in _PORTS:
        raise Rejected("input.invalid", "the URL must be absolute and begin with http:// or https://")
    if url.userinfo:
        raise Rejected("input.invalid", "the URL holds a user name or password: use `auth` or `headers` instead")
    port = _PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port < 65536:
        raise Rejected("input.invalid", f"the URL's port {port} is not between 1 and 65535")
    return Target(url.scheme, _host(url.raw_host.decode("ascii")), port, url.raw_path)


def host_and_port(text: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`, the host as a target has it. Raises Rejected `input.invalid`."""
    raw, found, port = text.rpartition(":")
    if not found or "]" in port or (":" in raw and not raw.startswith("[")):
        raw, port = text, ""
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise Rejected("input.invalid", f"{text[:100]!r} has no port between 1 and 65535")
    return _host(raw), int(port) if port else None


def _host(raw: str) -> str:
    """Refuses the numeric forms (`127.1`, `0x7f000001`, `2130706433`) that resolvers read as addresses in ways of their own."""
    if ":" in raw:
        try:
            if "%" in raw:
                raise ValueError("a zone is this machine's own business")
            return str(ipaddress.IPv6Address(raw.strip("[]")))
        except ValueError:
            raise Rejected("input.invalid", f"the URL's host {raw[:100]!r} is not an address") from None
    try:
        host = ascii_host(raw)
    except ValueError as error:
        raise Rejected("input.invalid", f"the URL's host can't be used: {error}") from None
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise Rejected(
                "input.invalid", f"the URL's host {host[:100]!r} is not an address of four numbers"
            ) from None
    return host
