"""How URLs are read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.sdk.verdicts import Rejected
from workspace.egress.target import parse_target


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://Example.COM", "example.com", 80, b"/"),
        ("https://example.com.:8443/a?b=c#d", "example.com", 8443, b"/a?b=c"),
        ("http://bücher.example/ä?x=ö", "xn--bcher-kva.example", 80, b"/%C3%A4?x=%C3%B6"),
        ("http://[::1]:81/", "::1", 81, b"/"),
        ("http://127.0.0.1/", "127.0.0.1", 80, b"/"),
    ],
)
def test_what_a_url_means(url: str, host: str, port: int, path: bytes) -> None:
    target = parse_target(url)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        *[
            "",
            "example.com",
            "/path",
            "ftp://example.com",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "javascript:1",
        ],
        *["http://user@example.com", "http://user:pw@example.com", "http://exa mple.com", "http://a\r\nb.example"],
        *[
            "http://127.1",
            "http://0x7f000001",
            "http://2130706433",
            "http://0177.0.0.1",
            "http://0x7f.1",
            "http://1.2.3",
        ],
        *["http://[::1", "http://[fe80::1%25eth0]/", "http://a..b/", "http://example.com:99999/", "gopher://x"],
        "http://\uff11\uff12\uff17.0.0.1/",  # digits of full width
        "http://example.com:0/",
    ],
)
def test_what_is_no_target(url: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_target(url)
    assert caught.value.code == "input.invalid"
    assert "pw" not in caught.value.message


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}(/.{0,10})?", fullmatch=True))
@settings(max_examples=200)
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
    except Rejected:
        return
    assert target.scheme in ("http", "https")
    assert target.host.isascii()
    assert 0 < target.port < 65536
    assert parse_target(str(target)) == target


def test_a_relative_address_is_read_against_its_base() -> None:
    base = parse_target("https://example.com/a/b?c")
    assert str(parse_target("../d", base)) == "https://example.com/d"
    assert str(parse_target("//other.example/x", base)) == "https://other.example/x"
