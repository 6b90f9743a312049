"""Who may be spoken to. No network here: what a name resolves to, and which addresses are this machine's, is told by `guard.py`.

A target is allowed when every address of its name is public and none is this machine's own, or when it is admitted by the operator: by the
name itself or by a network that the address is in. One refused address refuses the name, since a name that mixes both is an attack or a
mistake. What belongs to the engine (its database, its Temporal server) is refused whatever is admitted.

A name that is admitted isn't admitted everywhere: whoever answers for it in the DNS could point it at a cloud's metadata. Link-local
addresses and the like are admitted by a network that names them, and by nothing else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import idna

from workspace.egress.addresses import Address, Network, carried, is_public

_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# Ports of other protocols, which a request could be made to speak: the list that browsers refuse, and databases, caches, brokers and
# remote desktops. A service of one's own on such a port is reached when the operator admits it.
_OTHER = (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 "
    "137 139 143 161 179 389 427 445 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 873 989 990 993 995 "
    "1433 1521 1719 1720 1723 1883 2049 2181 2379 3306 3389 3659 4045 4190 5060 5061 5432 5672 5900 6000 6379 6566 6665 6666 "
    "6667 6668 6669 6679 6697 7233 9042 9092 10080 11211 27017"
)
_OTHER_PROTOCOLS = frozenset(int(port) for port in _OTHER.split())
_BY_NETWORK_ONLY = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # a cloud's metadata among carrier-grade NAT
        "168.63.129.16/32",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "224.0.0.0/3",
        "::/128",
        "fd00:ec2::254/128",
        "fe80::/10",
        "ff00::/8",
    )
)


class Speaks(StrEnum):
    """What is spoken over a connection. Also the first part of its errors' codes."""

    HTTP = "http"
    POSTGRES = "postgres"
    SMTP = "smtp"
    IMAP = "imap"

    @property
    def ports(self) -> frozenset[int]:
        """The ports that belong to it, and to nothing else."""
        return _PORTS[self]


_PORTS: dict[Speaks, frozenset[int]] = {
    Speaks.HTTP: frozenset(),
    Speaks.POSTGRES: frozenset((5432,)),
    Speaks.SMTP: frozenset((25, 465, 587)),
    Speaks.IMAP: frozenset((143, 993)),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server of the installation. `host` is a name in lower case or an address without brackets."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Policy:
    """`names` are in lower case, in ASCII, without a final dot; `below` admits the names that end in one of them, which begins with a dot."""

    names: frozenset[str] = frozenset()
    below: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    engine: tuple[Endpoint, ...] = ()

    def refusal(
        self,
        host: str,
        port: int,
        addresses: Sequence[Address],
        *,
        speaks: Speaks = Speaks.HTTP,
        own: Collection[Address] = (),
        engine: Collection[Address] = (),
    ) -> str | None:
        """Why a target must not be reached, as the end of a sentence about it; None when it may.

        `host` is an ASCII name or an address. Of `addresses`, `own` are this machine's, `engine` lead to the engine's own servers.
        """
        if any(address in engine for address in addresses):
            return "belongs to the engine itself"
        if all(_inside(address, self.networks) for address in addresses):
            return None
        if self._admits(host) and not any(_inside(address, _BY_NETWORK_ONLY) for address in addresses):
            return None
        for address in addresses:
            if _inside(address, self.networks):
                continue
            if not is_public(address):
                return "is inside a private network"
            if address in own:
                return "is this machine itself"
        if port in _OTHER_PROTOCOLS and port not in speaks.ports:
            return "has a port of another protocol"
        return None

    def _admits(self, host: str) -> bool:
        return host in self.names or host.endswith(self.below)


def make_policy(allow: Sequence[str] = (), engine: Sequence[Endpoint] = ()) -> Policy:
    """`allow`: host names, `*.name`, addresses and CIDRs. Raises ValueError, with a text for people, for anything else."""
    names: set[str] = set()
    below: set[str] = set()
    networks: list[Network] = []
    for entry in (entry.strip() for entry in allow):
        if not entry:
            continue
        try:
            networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            continue
        except ValueError:
            pass
        try:
            if entry.startswith("*."):
                below.add(f".{ascii_host(entry[2:])}")
            else:
                names.add(ascii_host(entry))
        except ValueError:
            raise ValueError(f"{entry[:100]!r} is neither a host name nor an address or a CIDR") from None
    return Policy(frozenset(names), tuple(sorted(below)), tuple(networks), tuple(engine))


def ascii_host(host: str) -> str:
    """A name as DNS and the policy see it. Raises ValueError for what is no name."""
    plain = host.removesuffix(".").lower()
    try:
        ascii_name = plain if plain.isascii() else idna.encode(plain, uts46=True).decode("ascii").removesuffix(".")
    except idna.IDNAError:
        raise ValueError(f"{host[:100]!r} is not a host name") from None
    if len(ascii_name) > 253 or _NAME.fullmatch(ascii_name) is None:
        raise ValueError(f"{host[:100]!r} is not a host name")
    return ascii_name


def _inside(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address, or the IPv4 address that it carries, is in one of the networks."""
    inner = carried(address) if isinstance(address, ipaddress.IPv6Address) else None
    return any(address in network or (inner is not None and inner in network) for network in networks)
