"""What is written is what others read: any text comes back through the standard library's parser, and no header is there but ours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modules.sdk.mail import Attachment, Letter
from modules.sdk.mailboxes import Mailbox, header_text, mailboxes_of, message_ids_of
from modules.sdk.verdicts import Rejected
from workspace.mail.message import compose, message_id_of

WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SENDER = Mailbox("shop@example.com", "Shop")
ADA = Mailbox("ada@example.com")
HEADERS = {
    *("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}
CHARS = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(CHARS, max_size=300) | st.lists(st.text(CHARS, max_size=40), max_size=30).map("\r\n".join)
IN_A_HEADER = st.characters(exclude_categories=["Cs", "Cc"])
SUBJECTS = st.text(IN_A_HEADER, max_size=200) | st.lists(st.text(IN_A_HEADER, max_size=12), max_size=30).map(" ".join)
NAMES = SUBJECTS.map(lambda text: " ".join(text.split()))


def written(letter: Letter, contents: Sequence[bytes] = ()) -> bytes:
    return compose(letter, SENDER, message_id_of("run:step", "example.com"), WHEN, contents)


def read(data: bytes) -> EmailMessage:
    assert data.isascii()
    lines = data.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines), "a line end of its own"
    assert max(map(len, lines)) <= 998
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert set(message.keys()) <= HEADERS
    assert len(message.keys()) == len(set(message.keys()))
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def plain(text: str) -> str:
    """As mail has it: its line ends are all alike, and the last line has one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def content(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return plain(payload.decode())


@settings(max_examples=200)
@given(SUBJECTS, TEXTS, st.none() | TEXTS)
@example("=?utf-8?q?a?=", ".\n..\r\nFrom me \n", "<p>.</p>")
@example("  a  b ", "a \n\tb\t", None)
@example("x" * 900, "é" * 900, "x" * 5000)
def test_texts_come_back_as_they_were(subject: str, text: str, html: str | None) -> None:
    message = read(written(Letter((ADA,), subject, text, html)))
    assert str(message["subject"] or "") == subject
    if html is None:
        assert content(message) == plain(text)
        return
    first, second = message.iter_parts()
    assert (first.get_content_type(), second.get_content_type()) == ("text/plain", "text/html")
    assert message.get_content_type() == "multipart/alternative"
    assert (content(first), content(second)) == (plain(text), plain(html))  # type: ignore[arg-type]


@settings(max_examples=200)
@given(st.lists(NAMES, min_size=1, max_size=5))
@example(["Lovelace, Ada"])
@example(['"quoted" \\ name', "a@b.example <c@d.example>", "=?utf-8?b?YQ==?="])
@example(["a" * 300, "ü" * 300])
def test_names_come_back_and_addresses_stay_apart(names: list[str]) -> None:
    boxes = tuple(Mailbox(f"user{index}@example.com", name) for index, name in enumerate(names))
    data = written(Letter(boxes, "s", "t", cc=boxes, reply_to=boxes, bcc=(Mailbox("hidden@example.com"),)))
    message, old = read(data), message_from_bytes(data)
    for header in ("to", "cc", "reply-to"):
        assert [each.addr_spec for each in message[header].addresses] == [box.address for box in boxes]
        # Not by `display_name`: this Python puts blanks between encoded words where RFC 2047 has none.
        said = getaddresses([old[header]])
        assert [str(make_header(decode_header(name))) for name, _ in said] == names
    assert "hidden" not in str(message)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.text(IN_A_HEADER, min_size=1, max_size=255),
            st.sampled_from(
                ["image/png", "message/rfc822", "multipart/mixed", "text/csv; charset=x", "bad\r\nX: y/z", ""]
            ),
            st.binary(max_size=500),
        ),
        min_size=1,
        max_size=4,
    ),
    TEXTS,
)
def test_files_come_back_byte_by_byte(files: list[tuple[str, str, bytes]], text: str) -> None:
    async def no_bytes() -> AsyncIterator[bytes]:
        yield b""

    attached = tuple(Attachment(name, kind, len(data), no_bytes) for name, kind, data in files)
    message = read(written(Letter((ADA,), "s", text, attachments=attached), [data for _, _, data in files]))
    first, *rest = message.iter_parts()
    assert message.get_content_type() == "multipart/mixed"
    assert content(first) == plain(text)  # type: ignore[arg-type]
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in rest] == [
        (name.strip(), data)
        for name, _, data in files  # the parser strips
    ]
    assert {part.get_content_type() for part in rest} <= {"image/png", "application/octet-stream", "text/csv"}


@settings(max_examples=200)
@given(
    st.text(st.sampled_from('ab@.<>",\\ \r\n\t:;()é\x00\x85\u2028=?X'), max_size=30),
    st.text(st.sampled_from("ab:\r\n \x0b\x0c\x1c\x85\u2028=?"), max_size=20),
)
@example("a@b.example\r\nBcc: x@y.example", "s")
@example('"a\r\nX: y" <a@b.example>', "s\nX: y")
def test_no_header_can_be_slipped_in(address: str, subject: str) -> None:
    """Whatever is taken, only our headers are there, each once; line ends are refused with the field's name."""
    refused: Rejected | None = None
    letter = Letter((ADA,), "s", "t")
    try:
        letter = Letter(mailboxes_of(["ada@example.com", address], "to"), header_text(subject, "subject"), "t")
    except Rejected as error:
        refused = error
    if refused is not None:
        assert (refused.code, refused.details["field"] in ("to[1]", "subject")) == ("input.invalid", True)
        return
    assert not re.search(r"[\r\n\0]", address + subject)
    message = read(written(letter)) if all(box.address.isascii() for box in letter.to) else None
    if message is not None:
        assert [each.addr_spec for each in message["to"].addresses] == [box.address for box in letter.to]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada@example.com", [Mailbox("ada@example.com")]),
        (" Ada Lovelace <Ada@EXAMPLE.com> ", [Mailbox("Ada@example.com", "Ada Lovelace")]),
        ('"Lovelace, \\"A\\"" <a@b.example>, c@d', [Mailbox("a@b.example", 'Lovelace, "A"'), Mailbox("c@d")]),
        ("Jürgen <j@bücher.example>", [Mailbox("j@xn--bcher-kva.example", "Jürgen")]),
        ("ö@example.com", [Mailbox("ö@example.com")]),
        ([{"address": "a@b.example", "name": None}, "c@d"], [Mailbox("a@b.example"), Mailbox("c@d")]),
        ("a@b,,c@d,", [Mailbox("a@b"), Mailbox("c@d")]),
        (None, []),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, found: list[Mailbox]) -> None:
    assert list(mailboxes_of(text, "to")) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ada",
            "@b.example",
            "a@",
            "a b@c.example",
            "a@b@c.example",
            "<a@b.example",
            'x "a@b.example',
            "a@-b.example",
            "a@b..c",
        ),
        *(
            "a@b.example> <c@d.example>",
            "a@b.example (x)",
            "a@[127.0.0.1]",
            "group: a@b.example;",
            "a..b@c.example",
            "é" * 40 + "@b",
        ),
        *("a@b.example\0", "a\ud800 <a@b.example>", "a@ex\u2024ample\u3002com\u0000", f"{'n' * 501} <a@b.example>"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match=r"^`cc\[1\]`: "):
        mailboxes_of(["ada@example.com", text], "cc")


def test_a_thread_goes_on() -> None:
    earlier = message_ids_of("<1@a.example>\r\n <2@a.example> <1@a.example>", "references")
    letter = Letter((ADA,), "Re: s", "t", in_reply_to="<3@a.example>", references=earlier)
    message = read(written(letter))
    assert message["in-reply-to"] == "<3@a.example>"
    assert str(message["references"]).split() == ["<1@a.example>", "<2@a.example>", "<3@a.example>"]
    many = tuple(f"<{number}@{'x' * 40}.example>" for number in range(200))
    kept = str(read(written(Letter((ADA,), "s", "t", references=many)))["references"]).split()
    assert (len(kept), kept[0], kept[-1]) == (40, many[0], many[-1])
    assert message_ids_of("7f@a.example", "in_reply_to") == ("<7f@a.example>",)
    for wrong in ("<a>b>", "é@x", "<>", ["<a@b>\0"], 7):
        with pytest.raises(Rejected):
            message_ids_of(wrong, "references")  # type: ignore[arg-type]


def test_the_same_mail_has_the_same_id_and_says_that_a_machine_sent_it() -> None:
    message = read(written(Letter((ADA,), "s", "t")))
    assert message["message-id"] == message_id_of("run:step", "example.com")
    assert message_id_of("run:other", "example.com") != message["message-id"]
    assert re.fullmatch(r"<ms\.[0-9a-f]{40}@example\.com>", str(message["message-id"]))
    assert message["auto-submitted"] == "auto-generated"
    assert message["date"].datetime == WHEN
    assert message["from"].addresses[0].display_name == "Shop"
