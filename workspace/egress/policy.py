"""Who may be spoken to.

A target is allowed when every address of its name is public, or admitted by the operator: by the name itself or by a network that the
address is in. One refused address refuses the name, since a name that mixes both is an attack or a mistake. `deny` (the
engine's own database and Temporal server) wins over the rest.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

import idna

from workspace.egress.addresses import Address, Network, carried, is_public

_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# Ports of other protocols, which a request could be made to speak (the list that browsers refuse).
_OTHER = (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 "
    "137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 "
    "1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080"
)
_OTHER_PROTOCOLS = frozenset(int(port) for port in _OTHER.split())


@dataclass(frozen=True, slots=True)
class Policy:
    """`names` are in lower case, in ASCII, without a final dot."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    denied_names: frozenset[str] = frozenset()
    denied_networks: tuple[Network, ...] = ()

    def refusal(self, host: str, port: int, addresses: Sequence[Address]) -> str | None:
        """Why a target must not be reached, as the end of a sentence about it; None when it may. `host` is an ASCII name or an address."""
        if host in self.denied_names or any(_inside(address, self.denied_networks) for address in addresses):
            return "belongs to the engine itself"
        if host in self.names or all(_inside(address, self.networks) for address in addresses):
            return None
        if not all(is_public(address) or _inside(address, self.networks) for address in addresses):
            return "is inside a private network"
        if port in _OTHER_PROTOCOLS:
            return "has a port of another protocol"
        return None


def make_policy(allow: Sequence[str] = (), deny: Sequence[str] = ()) -> Policy:
    """From lists of host names, addresses and CIDRs. Raises ValueError, with a text for people, for anything else."""
    names, networks = _parsed(allow)
    denied_names, denied_networks = _parsed(deny)
    return Policy(names, networks, denied_names, denied_networks)


def ascii_host(host: str) -> str:
    """A name as DNS and the policy see it. Raises ValueError for what is no name."""
    plain = host.rstrip(".").lower()
    try:
        ascii_name = plain if plain.isascii() else idna.encode(plain, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValueError(f"{host[:100]!r} is not a host name") from None
    if len(ascii_name) > 253 or _NAME.fullmatch(ascii_name) is None:
        raise ValueError(f"{host[:100]!r} is not a host name")
    return ascii_name


def _parsed(entries: Sequence[str]) -> tuple[frozenset[str], tuple[Network, ...]]:
    names: set[str] = set()
    networks: list[Network] = []
    for entry in (entry.strip() for entry in entries):
        if not entry:
            continue
        try:
            networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
        except ValueError:
            try:
                names.add(ascii_host(entry))
            except ValueError:
                raise ValueError(f"{entry[:100]!r} is neither a host name nor an address or a CIDR") from None
    return frozenset(names), tuple(networks)


def _inside(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address, or the IPv4 address that it carries, is in one of the networks."""
    inner = carried(address) if isinstance(address, ipaddress.IPv6Address) else None
    return any(address in network or (inner is not None and inner in network) for network in networks)
