"""Where a message ends, however it is cut into pieces: at one sign, and at nothing that looks like it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from server.smtp.data import Data

ALPHABET = st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"a", b"\r\n.", b".\r", b"\n.\n", b"\r.\r", b"\x00"])


def stuffed(message: bytes) -> bytes:
    """As a client sends it: a dot before each line's own, then the end."""
    lines = message.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b"\r\n.\r\n"


@given(st.lists(ALPHABET, max_size=40).map(b"".join), st.lists(st.integers(1, 7), min_size=1), st.binary(max_size=9))
@settings(max_examples=200)
def test_what_is_sent_arrives_and_nothing_else_ends_it(message: bytes, sizes: list[int], rest: bytes) -> None:
    sent, at, turn = stuffed(message) + rest, 0, 0
    data = Data(10_000)
    while not data.done:
        size = sizes[turn % len(sizes)]
        data.feed(sent[at : at + size])
        at, turn = at + size, turn + 1
    assert data.message() == message + b"\r\n"
    assert data.rest == sent[len(stuffed(message)) : at]
    assert not data.too_large


@given(st.integers(0, 300), st.integers(1, 50))
@settings(max_examples=50)
def test_of_what_is_too_large_the_end_is_found_and_little_is_held(size: int, piece: int) -> None:
    sent = b"x" * size + b"\r\n.\r\n"
    data = Data(100)
    for at in range(0, len(sent), piece):
        data.feed(sent[at : at + piece])
    assert data.done
    assert data.too_large == (size + 2 > 100)


def test_an_empty_message_is_one() -> None:
    data = Data(10)
    data.feed(b".\r\n")
    assert (data.done, data.message()) == (True, b"")
