"""Which addresses are public.

The list is explicit. `ipaddress.is_global` isn't relied on: what it says changes between Python's releases, and it calls NAT64 and 6to4
addresses global whatever IPv4 address is inside. An address that carries another one is judged by that one, where it is of a
kind that is carried over the open network at all. IPv6 outside of the global unicast space is refused as a whole: with it IPv4-compatible
and translated addresses, the local prefixes of NAT64 (64:ff9b:1::/48), unique local and site-local ones. So is Teredo.
"""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent on a public-looking address
        "169.254.0.0/16",  # link-local, with the clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
# Where an IPv4 address stands inside an IPv6 one: the network, and how many bits follow the address.
_CARRIERS = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4
)
# RFC 5214: in whatever network, the interface's half is 00-00-5E-FE or 02-00-5E-FE and the IPv4 address.
_ISATAP = 0x0000_5EFE


def parse_address(text: str) -> Address:
    """An address as a resolver gives it. A zone (`%eth0`) is dropped: it changes nothing of what is asked here."""
    return ipaddress.ip_address(text.partition("%")[0])


def is_public(address: Address) -> bool:
    """Whether a request from a workflow may go there without the operator's leave."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    inner = carried(address)
    if inner is not None:
        return is_public(inner)
    if (int(address) >> 32) & 0xFCFF_FFFF == _ISATAP and not is_public(
        ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    ):
        return False
    return address in _GLOBAL_UNICAST and not any(address in network for network in _REFUSED_V6)


def carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that traffic to this IPv6 address ends at."""
    for network, bits_after in _CARRIERS:
        if address in network:
            return ipaddress.IPv4Address((int(address) >> bits_after) & 0xFFFF_FFFF)
    return None
