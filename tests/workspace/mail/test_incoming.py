"""What a mail server that means no good can't do to whoever reads there; and the names of mailboxes."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.ids import ConnectionId, WorkspaceId
from modules.sdk.context import Connection
from modules.sdk.verdicts import ModuleError
from workspace.connections.opening import Opened
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.mail.incoming import OpenMailbox, open_mailbox, quoted_name

GREETING = b"* PREAUTH [CAPABILITY IMAP4rev1] here\r\n"
SELECTED = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n"


@asynccontextmanager
async def box_of(says: dict[bytes, bytes | None], *, endless: bool = False) -> AsyncIterator[OpenMailbox]:
    """A mailbox of a server that says that before its `OK`, by commands; None: it says nothing any more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        while line := await reader.readline():
            tag, _, command = line.partition(b" ")
            known = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n", b"EXAMINE": SELECTED, **says}
            answer = next((said for verb, said in known.items() if command.startswith(verb)), b"")
            if answer is None:
                await reader.read()
                break
            writer.write(answer)
            while endless and answer.startswith(b"* X"):
                await writer.drain()
                writer.write(answer)
            writer.write(tag + b" OK done\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    config: dict[str, Any] = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "tls": "none"}
    about = Connection("box", "mail", "imap", config)
    opened = Opened(WorkspaceId(1), ConnectionId(uuid4()), about, None, {}, "1", None)
    try:
        async with open_mailbox(Guard(make_policy(["127.0.0.0/8"])), opened, "INBOX", writes=False) as box:
            yield box
    finally:
        server.close()


async def test_a_mailbox_of_a_plain_server_is_read() -> None:
    found = b"* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[] {5}\r\nhello)\r\n"
    async with box_of({b"UID SEARCH": b"* SEARCH 1\r\n", b"UID FETCH": found}) as box:
        assert (box.validity, box.last, await box.message(1)) == (7, 1, b"hello")
        assert (await box.after(0)).uids == (1,)


@pytest.mark.parametrize(
    ("said", "endless"),
    [
        (b"* 1 FETCH (UID 1 BODY[] {2000000000}\r\nhello", False),
        (b"* X " + b"x" * 60_000 + b"\r\n", True),
        (b"* " + b"x" * 1_100_000 + b"\r\n", False),
        (b"nonsense\r\n", False),
    ],
)
async def test_no_answer_is_taken_that_is_too_long_or_is_none(said: bytes, endless: bool) -> None:
    with pytest.raises(ModuleError, match="breaks off"):
        async with box_of({b"UID FETCH": said}, endless=endless) as box:
            await box.message(1)


async def test_who_waits_for_a_silent_server_can_be_called_off() -> None:
    async with asyncio.timeout(30):  # less than an answer may take
        with pytest.raises(TimeoutError):
            async with box_of({b"UID FETCH": None}) as box, asyncio.timeout(0.1):
                await box.message(1)


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_mailboxs_name_is_told_in_letters_that_any_server_knows(name: str) -> None:
    written = quoted_name(name)
    assert written.isascii()
    plain = re.sub(r"\\(.)", r"\1", written[1:-1])

    def decoded(match: re.Match[str]) -> str:
        given = match[1].replace(",", "/")
        return base64.b64decode(given + "=" * (-len(given) % 4)).decode("utf-16-be") or "&"

    assert re.sub(r"&([^-]*)-", decoded, plain) == name
