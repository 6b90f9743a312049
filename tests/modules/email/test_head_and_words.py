"""Heads, words, charsets, addresses and parameters: what is there, and what is made of it."""

from __future__ import annotations

from email.header import Header
from email.headerregistry import Address as Written
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.email.mime.addresses import Address, addresses
from modules.email.mime.charsets import text_of
from modules.email.mime.head import head_of
from modules.email.mime.html_text import text_of_html
from modules.email.mime.parameters import worded
from modules.email.mime.transfer import decoded
from modules.email.mime.words import words


@pytest.mark.parametrize(
    ("raw", "fields", "body"),
    [
        (b"A: 1\r\nB:2\r\n\r\nbody", [("a", b"1"), ("b", b"2")], b"body"),
        (b"A: 1\nB: 2\n\nbody", [("a", b"1"), ("b", b"2")], b"body"),
        (b"A: 1\r\n 2\r\n\t3\r\n\r\n", [("a", b"1 2\t3")], b""),
        (b"\r\nbody", [], b"body"),
        (b"From nobody Mon\r\nA: 1\r\n\r\nx", [("a", b"1")], b"x"),
        (b"no colon\r\n folded\r\nA : 1\r\n\r\nx", [("a", b"1")], b"x"),
        (b"A: 1\x002\r3\r\n\r\n", [("a", b"1 2 3")], b""),
        (b"A: only a head", [("a", b"only a head")], b""),
        (b"", [], b""),
    ],
)
def test_a_head_is_its_fields_and_where_the_body_begins(
    raw: bytes, fields: list[tuple[str, bytes]], body: bytes
) -> None:
    head = head_of(raw)
    assert [(field.name, field.value) for field in head.fields] == fields
    assert raw[head.body :] == body


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?UTF-8?b?R3LDvMOf?= =?utf-8?b?ZQ==?= an alle", "Grüße an alle"),
        (b"=?utf-8?q?=C3?=\r\n =?utf-8?q?=BC?=", "ü"),
        (b"a =?iso-8859-1?q?=E4?= b =?koi8-r?b?1MXT1A==?=", "a ä b тест"),
        (b"=?gb2312?b?xOO6ww==?=", "你好"),
        (b"=?utf-8*de?q?=C3=BC?=", "ü"),
        (b"=?nobody-knows?q?=C3=BC?=", "ü"),
        (b"=?utf-8?b?!!!?= =?utf-8?x?y?= =?", " =?utf-8?x?y?= =?"),
        (b"bare \xc3\xbc", "bare ü"),
        (b"bare \xfc", "bare ü"),
        (b"=?utf-16?b?/v8A?=", "\ufffd"),
    ],
)
def test_words_are_read_in_any_charset(value: bytes, text: str) -> None:
    assert words(value.replace(b"\r\n", b"")) == text


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), max_size=80))
@settings(max_examples=100)
def test_what_others_encode_is_read(text: str) -> None:
    assert words(Header(text, "utf-8").encode().replace("\n", "").encode()).split() == text.split()


@given(
    st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["utf-7", "idna", "punycode"]))
)
@settings(max_examples=200)
def test_any_bytes_in_any_charset_are_some_text(data: bytes, charset: str | None) -> None:
    text = text_of(data, charset)
    assert "\x00" not in text
    text.encode()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@b.c", [Address("", "a@b.c")]),
        ("Ann <a@b.c>, Bob<b@b.c>", [Address("Ann", "a@b.c"), Address("Bob", "b@b.c")]),
        ('"Last, First" <a@b.c>', [Address("Last, First", "a@b.c")]),
        ("a@b.c (Ann (the) first)", [Address("Ann (the) first", "a@b.c")]),
        ("=?utf-8?q?J=C3=B6rg?= <a@b.c>", [Address("Jörg", "a@b.c")]),
        ("friends: a@b.c, Bob <b@b.c>; c@b.c", [Address("", "a@b.c"), Address("Bob", "b@b.c"), Address("", "c@b.c")]),
        ('"quoted part"@b.c', [Address("", '"quoted part"@b.c')]),
        ("<@relay.x,@two.x:a@b.c>", [Address("", "a@b.c")]),
        ("undisclosed-recipients:;", []),
        ("", []),
        # What can be read in two ways is nobody's.
        ("alice@a.example <mallory@b.example>", [Address("alice@a.example", "mallory@b.example")]),
        ("<alice@a.example> mallory@b.example", [Address("mallory@b.example", None)]),
        ("alice@a.example)mallory@b.example", [Address("", None)]),
        ("<alice@a.example><mallory@b.example>", [Address("", None)]),
        ("alice@a.example@b.example", [Address("", None)]),
        ("alice@a.example:mallory@b.example", [Address("", None)]),
        ("alice@a.example\\, mallory@b.example", [Address("", None), Address("", "mallory@b.example")]),
        ('"alice@a.example', [Address("", None)]),
        ("<alice@a.example", [Address("", None)]),
        ("alice @ a.example", [Address("", None)]),
    ],
)
def test_addresses_are_told_apart_from_what_stands_around_them(value: str, found: list[Address]) -> None:
    assert addresses(value.encode()) == found


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_any_text_is_some_addresses(text: str) -> None:
    for one in addresses(text.encode("utf-8", "replace")):
        assert one.address is None or one.address.rpartition("@")[0]


NAME = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, blacklist_categories=("Cc", "Cf")), max_size=20)


@given(st.lists(NAME, min_size=1, max_size=4))
@settings(max_examples=50)
def test_addresses_that_others_write_are_read(names: list[str]) -> None:
    mail = EmailMessage()
    mail["To"] = tuple(Written(name, "a", "b.example") for name in names)
    # On one line: where it folds a list of addresses, this library writes a comma as an encoded word.
    head = head_of(mail.as_bytes(policy=SMTP.clone(max_line_length=0)))
    assert [one.address for one in addresses(head.first("to") or b"")] == ["a@b.example"] * len(names)


@pytest.mark.parametrize(
    ("value", "word", "parameters"),
    [
        (b"text/plain", "text/plain", {}),
        (b'Text/HTML; Charset="utf-8" ; x=y', "text/html", {"charset": "utf-8", "x": "y"}),
        (b'attachment; filename="a;b\\"c.pdf"', "attachment", {"filename": 'a;b"c.pdf'}),
        (b"attachment; filename*=UTF-8''M%C3%A4rz.pdf", "attachment", {"filename": "März.pdf"}),
        (b"attachment; filename=\"x\"; filename*=iso-8859-1'de'M%E4rz", "attachment", {"filename": "März"}),
        (b"a; n*1=b; n*0*=utf-8''%C3; n*2*=%20c", "a", {"n": "Ãb c"}),
        (b'attachment; filename="=?utf-8?q?M=C3=A4rz?="', "attachment", {"filename": "März"}),
        (b'attachment; filename="open', "attachment", {"filename": ""}),
        (None, "", {}),
    ],
)
def test_parameters_are_read_as_they_are_sent(value: bytes | None, word: str, parameters: dict[str, str]) -> None:
    found = worded(value)
    assert (found.word, {name: text.replace("\ufffd", "Ã") for name, text in found.parameters.items()}) == (
        word,
        parameters,
    )


@pytest.mark.parametrize(
    ("data", "encoding", "plain"),
    [
        (b"aGVs\r\nbG8=", "base64", b"hello"),
        (b"aGVs bG8", "base64", b"hello"),
        (b"aGVsbG8=aGVsbG8=", "base64", b"hello"[:5] + decoded(b"aGVsbG8aGVsbG8", "base64")[5:]),
        (b"a", "base64", b""),
        (b"a=3Db=\r\nc=ZZ", "quoted-printable", b"a=bc=ZZ"),
        (b"as it is", "8bit", b"as it is"),
        (b"as it is", "nobody-knows", b"as it is"),
    ],
)
def test_transfer_encodings_are_undone_as_far_as_they_go(data: bytes, encoding: str, plain: bytes) -> None:
    assert decoded(data, encoding) == plain


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Hi &amp; bye</p>", "Hi & bye"),
        ("<head><title>t</title></head>a<br>b<br/>c", "a\nb\nc"),
        ("<style>x{}</style>a<script>alert('<p>')</script>b", "ab"),
        ("a <!-- <p>hidden</p> --> b", "a b"),
        ("a < b", "a < b"),
        ("a <!-- never ends", "a"),
        ("<ul><li>one<li>two</ul>\n\n\n\nend", "one\ntwo\n\nend"),
    ],
)
def test_a_page_has_its_text(page: str, text: str) -> None:
    assert text_of_html(page) == text
