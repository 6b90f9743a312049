"""Targets that no workflow may reach: each a URL, or a host for what takes no URL. Every one of them leads to this machine or a private network,
or would if it were read as some client or resolver reads it.

`PORT` stands for the canary's port.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

# Those of this machine (where the canaries listen), and those that a machine in a company or a cloud could reach.
_PRIVATE = (
    "127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 0.0.0.0 0.0.0.1 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 "
    "168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.254 192.0.0.192 192.0.2.1 192.168.0.1 192.168.255.255 "
    "198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 255.255.255.255"
)
_PRIVATE_V6 = (
    "::1 :: fe80::1 fc00::1 fd00::2 fd00:ec2::254 fec0::1 ff02::1 ::2 100::1 2001:db8::1 2001::1 2001:10::1 3fff::1 5f00::1 "
    "64:ff9b:1::7f00:1"
)
PRIVATE, PRIVATE_V6 = _PRIVATE.split(), _PRIVATE_V6.split()
MACHINE = ("127.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.1")


def hosts() -> Iterator[str]:
    """As they stand between `//` and the port."""
    for text in PRIVATE:
        address = ipaddress.IPv4Address(text)
        number = int(address)
        high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
        yield text
        yield f"[::ffff:{text}]"
        yield f"[::{high}:{low}]"  # compatible
        yield f"[::ffff:0:{text}]"  # translated
        yield f"[64:ff9b::{text}]"  # NAT64
        yield f"[64:ff9b:1::{high}:{low}]"  # NAT64 inside a network
        yield f"[2002:{high}:{low}::1]"  # 6to4
        yield f"[2001:0:808:808::{number >> 16 ^ 0xFFFF:x}:{number & 0xFFFF ^ 0xFFFF:x}]"  # Teredo
        yield f"[2a00:1450:4001:800:0:5efe:{high}:{low}]"  # ISATAP
        yield f"[fe80::200:5efe:{high}:{low}]"
    for text in MACHINE:
        number = int(ipaddress.IPv4Address(text))
        octets = [number >> shift & 0xFF for shift in (24, 16, 8, 0)]
        yield from (str(number), hex(number), f"0{number:o}", f"0x{number:016x}", f"{number + 2**32}")
        yield ".".join(hex(each) for each in octets)
        yield ".".join(f"0{each:o}" for each in octets)
        yield ".".join(f"{each:03d}" for each in octets)
        yield f"{octets[0]}.{number & 0xFFFFFF}"
        yield f"{octets[0]}.{octets[1]}.{number & 0xFFFF}"
        yield f"0x{octets[0]:x}.{octets[1]}.0{number & 0xFFFF:o}"
        yield f"{text}."
        yield f"{text}.."
        yield text.replace(".", "。")
        yield text.replace(".", "．")
        yield "".join(chr(0xFF10 + int(each)) if each.isdigit() else each for each in text)
        yield "".join(chr(0x1D7CE + int(each)) if each.isdigit() else each for each in text)
        yield "".join(f"%{ord(each):02x}" for each in text)
        yield "".join(
            {"0": "⓪"}.get(each) or (chr(0x2460 + int(each) - 1) if each.isdigit() else each) for each in text
        )
    for text in PRIVATE_V6:
        yield f"[{text}]"
        yield f"[{ipaddress.IPv6Address(text).exploded}]"
        yield f"[{text}%25lo]"
    odd = "127.1 127.0.1 0 00 0x0 0.0 1 127.000.000.001 0127.0.0.1 127.0.0.1.0 127.0.0.256 127.0.0.1e0"
    named = (
        "localhost LOCALHOST localhost. localhost.. ⓛⓞⓒⓐⓛⓗⓞⓢⓣ lｏcalhost local\u00adhost a.localhost x.y.localhost. "
        "localhost.localdomain localhost4 localhost6 ip6-localhost ip6-loopback"
    )
    yield from (*odd.split(), *named.split())


def names() -> Iterator[str]:
    """Those that the hostile DNS server answers for; the first label says how."""
    for place, address in enumerate((*PRIVATE[:16], *PRIVATE_V6[:10])):
        yield f"only-{place}.evil.example"
        yield f"after-{place}.evil.example"  # behind an address that is admitted
        yield f"before-{place}.evil.example"
        assert address
    yield from ("cname.evil.example", "mapped.evil.example", "bücher.evil.example", "Only-0.EVIL.Example.")


def urls() -> Iterator[str]:
    """Whole URLs that a parser may read in another way than a client."""
    yield from (
        f"http://{each}:PORT/"
        for each in (
            "control.example@127.0.0.1",
            "control.example:80@127.0.0.1",
            "@127.0.0.1",
            ":@127.0.0.1",
            "127.0.0.1@control.example",
            "control.example%40127.0.0.1",
            "control.example@@127.0.0.1",
            "127.0.0.1%00.control.example",
            "127.0.0.1%09",
            "127.0.0.1 control.example",
            "127.0.0.1\tcontrol.example",
            "127.0.0.1\r\nHost: control.example",
            "control.example\\@127.0.0.1",
            "127.0.0.1\\@control.example",
            "[::1",
            "::1",
            "[::1]x",
            "[127.0.0.1]",
            "[localhost]",
            "[::1%25lo]",
            "-127.0.0.1",
            "127.0.0.1,control.example",
        )
    )
    yield from (
        "http:127.0.0.1:PORT/",
        "http:/127.0.0.1:PORT/",
        "http:///127.0.0.1:PORT/",
        "http:////127.0.0.1:PORT/",
        "http:\\\\127.0.0.1:PORT\\",
        "//127.0.0.1:PORT/",
        "///127.0.0.1:PORT/",
        "\\\\127.0.0.1:PORT/",
        "127.0.0.1:PORT",
        "HTTP://127.0.0.1:PORT/",
        " http://127.0.0.1:PORT/",
        "http://127.0.0.1:PORT#@control.example/",
        "http://127.0.0.1:PORT?@control.example/",
        "http://127.0.0.1:0PORT/",
        "http://127.0.0.1:PORT:80/",
        "http://localhost:PORT:80/",
        "http://127.0.0.1:+PORT/",
        "http://127.0.0.1:/",
        "file:///etc/passwd",
        "file://127.0.0.1:PORT/etc/passwd",
        "gopher://127.0.0.1:PORT/_x",
        "dict://127.0.0.1:PORT/info",
        "ftp://127.0.0.1:PORT/",
        "ldap://127.0.0.1:PORT/",
        "ws://127.0.0.1:PORT/",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
        "http://unix:/var/run/docker.sock:/containers",
        "data:text/plain,x",
        "javascript:fetch('http://127.0.0.1:PORT')",
        "jar:http://127.0.0.1:PORT!/",
        "view-source:http://127.0.0.1:PORT/",
        "blob:http://127.0.0.1:PORT/x",
    )
