"""Which addresses a workflow may reach."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace.egress.addresses import is_public, parse_address
from workspace.egress.policy import Speaks, make_policy


@pytest.mark.parametrize(
    "text",
    [
        *[
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
        ],
        *[
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
        ],
        *["255.255.255.255", "168.63.129.16", "192.88.99.1"],
        *[
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "fec0::1",
            "2001:db8::1",
            "3fff::1",
        ],
        *[
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
        ],
        *[
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "100::1",
            "5f00::1",
            "2001:1::3",
        ],
    ],
)
def test_what_is_not_public(text: str) -> None:
    assert not is_public(parse_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_what_is_public(text: str) -> None:
    assert is_public(parse_address(text))


@given(st.ip_addresses(v=4))
@settings(max_examples=200)
def test_an_address_inside_another_is_judged_alike(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    assert is_public(ipaddress.IPv6Address((0xFFFF << 32) | number)) == is_public(inner)
    assert is_public(ipaddress.IPv6Address((0x0064_FF9B << 96) | number)) == is_public(inner)
    assert is_public(ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1)) == is_public(inner)


@given(st.ip_addresses())
@settings(max_examples=200)
def test_what_python_calls_private_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert not is_public(address)
    if isinstance(address, ipaddress.IPv4Address) and address.is_private:
        assert not is_public(address)


@pytest.mark.parametrize(
    ("allow", "host", "addresses", "refused"),
    [
        ([], "example.com", ["93.184.215.14"], False),
        ([], "example.com", ["93.184.215.14", "10.0.0.1"], True),
        (["10.0.0.0/8"], "example.com", ["10.0.0.1"], False),
        (["10.0.0.0/8"], "example.com", ["10.0.0.1", "93.184.215.14"], False),
        (["10.0.0.0/8"], "example.com", ["10.0.0.1", "192.168.0.1"], True),
        (["10.0.0.0/8"], "example.com", ["::ffff:10.0.0.1"], False),
        (["warehouse.internal"], "warehouse.internal", ["10.0.0.1"], False),
        (["Warehouse.Internal."], "warehouse.internal", ["10.0.0.1"], False),
        (["warehouse.internal"], "other.internal", ["10.0.0.1"], True),
        (["::1"], "localhost", ["::1"], False),
        (["[::1]"], "localhost", ["127.0.0.1"], True),
    ],
)
def test_the_operator_admits_names_and_networks(
    allow: list[str], host: str, addresses: list[str], refused: bool
) -> None:
    reason = make_policy(allow).refusal(host, 443, [parse_address(text) for text in addresses])
    assert (reason is not None) == refused


def test_what_belongs_to_the_engine_is_refused_even_when_admitted() -> None:
    database = parse_address("10.0.0.5")
    policy = make_policy(["10.0.0.0/8", "db.internal"])
    assert policy.refusal("db.internal", 5433, [database], engine=[database]) is not None
    assert policy.refusal("db.internal", 5433, [database]) is None


def test_this_machine_is_refused_unless_admitted() -> None:
    ours = parse_address("93.184.215.14")
    assert make_policy().refusal("example.com", 443, [ours], own=[ours]) is not None
    assert make_policy(["93.184.215.14"]).refusal("example.com", 443, [ours], own=[ours]) is None
    assert make_policy(["example.com"]).refusal("example.com", 443, [ours], own=[ours]) is None


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "fe80::1", "168.63.129.16", "0.0.0.0"])
def test_an_admitted_name_admits_no_metadata(address: str) -> None:
    found = [parse_address(address)]
    assert make_policy(["crm.example"]).refusal("crm.example", 80, found) is not None
    assert make_policy(["crm.example", address]).refusal("crm.example", 80, found) is None


def test_a_wildcard_admits_the_names_below() -> None:
    policy, private = make_policy(["*.Internal"]), [parse_address("10.0.0.1")]
    assert policy.refusal("a.b.internal", 80, private) is None
    assert policy.refusal("internal", 80, private) is not None
    assert policy.refusal("evilinternal", 80, private) is not None


@pytest.mark.parametrize("prefix", ["2a00:1450:4001:800::", "fe80::", "2a00:1450:4001:800:200::"])
def test_isatap_is_judged_by_what_it_carries_too(prefix: str) -> None:
    network = int(ipaddress.IPv6Address(prefix))
    inside = network | 0x5EFE << 32 | int(ipaddress.IPv4Address("10.0.0.1"))
    outside = network | 0x5EFE << 32 | int(ipaddress.IPv4Address("8.8.8.8"))
    assert not is_public(ipaddress.IPv6Address(inside))
    assert is_public(ipaddress.IPv6Address(outside)) == prefix.startswith("2a00")


def test_ports_of_other_protocols_are_refused_unless_admitted() -> None:
    public = [parse_address("93.184.215.14")]
    assert make_policy().refusal("example.com", 25, public) is not None
    assert make_policy().refusal("example.com", 8443, public) is None
    assert make_policy(["example.com"]).refusal("example.com", 25, public) is None


@pytest.mark.parametrize("speaks", Speaks)
@pytest.mark.parametrize("port", [25, 143, 5432, 6379])
def test_each_protocol_may_use_its_own_ports_only(speaks: Speaks, port: int) -> None:
    reason = make_policy().refusal("example.com", port, [parse_address("93.184.215.14")], speaks=speaks)
    assert (reason is None) == (port in speaks.ports)


@pytest.mark.parametrize("entry", ["10.0.0.0/40", "http://x", "a b", "x:80", "-/-"])
def test_an_entry_that_is_neither_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor"):
        make_policy([entry])
