"""The mail server at its border: real connections, the real mailroom and a real database behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosmtplib
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from db import email_routes, inbox
from db.channel import Channel
from db.email_routes import WantedRoute
from db.pool import Database
from engine.hub import Hub
from engine.triggers.mail_room import Mailroom
from server.smtp.door import Limits
from server.smtp.server import BadCertificate, mail_server, tls_of
from tests.db.data_of_tests import Tenant, tenant

MAIL = b"From: a@x.example\r\nMessage-ID: <1@x.example>\r\n\r\nhello\r\n"
QUICK = Limits(refused_after=0.01)


@dataclass
class Post:
    db: Database
    owner: Tenant
    port: int

    async def kept(self) -> list[bytes]:
        """What is in the inbox, oldest first."""
        async with self.db.engine() as connection:
            found = await inbox.list_events(connection, self.owner.workspace_id, None, 100)
            contents = [
                await inbox.content(connection, self.owner.workspace_id, event.content_id) for event in found[::-1]
            ]
        return [one.raw or b"" for one in contents if one is not None]


@asynccontextmanager
async def post(db: Database, limits: Limits = QUICK, **more: object) -> AsyncIterator[Post]:
    """A server for one address, `box`."""
    owner = await tenant(db)
    async with db.tenant(owner.workspace_id) as connection:
        wanted = [WantedRoute("mail", "box", ())]
        assert await email_routes.bind(connection, owner.workspace_id, owner.workflow_id, wanted) is None
    mailroom = Mailroom(db, Hub(Channel(db)), "localhost")
    async with mail_server(mailroom, "127.0.0.1", 0, limits=limits, **more) as port:  # type: ignore[arg-type]
        yield Post(db, owner, port)


class Talk:
    """A sender that minds no manners."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def says(self, *lines: bytes) -> bytes:
        """The answer to the last line; each goes out after the answer to the one before."""
        answer = b""
        for line in lines:
            self.writer.write(line + b"\r\n")
            answer = await self.hears()
        return answer

    async def hears(self) -> bytes:
        while True:
            line = await self.reader.readline()
            if line[3:4] != b"-":
                return line


@asynccontextmanager
async def talking(where: Post, *, greeting: bytes = b"220") -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection("127.0.0.1", where.port)
    talk = Talk(reader, writer)
    assert (await talk.hears()).startswith(greeting)
    try:
        yield talk
    finally:
        writer.close()


BEGIN = (b"EHLO x", b"MAIL FROM:<a@x.example>", b"RCPT TO:<box@localhost>")


async def test_only_one_sign_ends_a_message(db: Database) -> None:
    hidden = b"\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<box@localhost>\r\nDATA\r\nFrom: evil@x\r\n\r\nhidden"
    ends = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\n\n.\r\r\n", b"\r\n\x00.\r\n", b"\r\r\n.\n\n"]
    bodies = [b"From: a@x.example\r\nX: %d\r\n\r\nhi" % number + end + hidden for number, end in enumerate(ends)]
    async with post(db) as where:
        for body in bodies:
            async with talking(where) as talk:
                assert (await talk.says(*BEGIN, b"DATA")).startswith(b"354")
                assert (await talk.says(body.replace(b"\r\n.", b"\r\n..") + b"\r\n.")).startswith(b"250")
        assert await where.kept() == [body + b"\r\n" for body in bodies]


async def test_what_is_sent_before_its_turn_isn_t_heard(db: Database) -> None:
    async with post(db) as where, talking(where) as talk:
        await talk.says(*BEGIN, b"DATA")
        assert (await talk.says(MAIL + b".\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<box@localhost>\r\nDATA")).startswith(
            b"250"
        )
        assert (await talk.hears()).startswith(b"421")
        assert await talk.reader.read() == b""
        assert await where.kept() == [MAIL]


async def test_a_message_that_is_cut_off_leaves_nothing(db: Database) -> None:
    async with post(db) as where:
        for rude in (False, True):
            async with talking(where) as talk:
                await talk.says(*BEGIN, b"DATA")
                talk.writer.write(MAIL)
                await talk.writer.drain()
                if rude:
                    talk.writer.transport.abort()
        async with talking(where) as talk:
            await talk.says(*BEGIN, b"DATA")
            assert (await talk.says(MAIL + b".")).startswith(b"250")
        assert await where.kept() == [MAIL]


async def test_a_message_that_is_too_large_is_refused_by_what_it_says_and_by_what_it_is(db: Database) -> None:
    async with post(db, Limits(size=2**20)) as where, talking(where) as talk:
        assert (await talk.says(b"EHLO x", b"MAIL FROM:<a@x> SIZE=1048577")).startswith(b"552")
        await talk.says(*BEGIN, b"DATA")
        assert (await talk.says(b"x" * 2**20 + b"\r\n.")).startswith(b"552")
        await talk.says(*BEGIN, b"DATA")
        assert (await talk.says(MAIL + b".")).startswith(b"250")
        assert await where.kept() == [MAIL]
        await talk.says(*BEGIN, b"DATA")
        talk.writer.write(b"x" * 2**23)  # nobody reads four times what may come
        with contextlib.suppress(ConnectionError):
            assert (await talk.reader.read()).startswith(b"552")


async def test_what_is_on_its_way_has_bounds(db: Database) -> None:
    async with post(db, Limits(held=2**20)) as where, talking(where) as first, talking(where) as second:
        await first.says(*BEGIN, b"DATA")
        first.writer.write(b"x" * (2**20 - 100))
        await second.says(*BEGIN, b"DATA")
        while not (said := await second.says(b"X: y\r\n" * 100 + b"\r\n.")).startswith(b"452"):
            await second.says(b"RSET", *BEGIN[1:], b"DATA")
        assert said.startswith(b"452")
        assert (await first.says(b"\r\n.")).startswith(b"250")
        await second.says(*BEGIN, b"DATA")
        assert (await second.says(MAIL + b".")).startswith(b"250")


async def test_connections_have_bounds_in_all_and_for_each_peer(db: Database) -> None:
    async with post(db, Limits(of_a_peer=2)) as where:
        async with talking(where), talking(where), talking(where, greeting=b"421") as third:
            assert await third.reader.read() == b""
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", where.port)
            said = await reader.readline()
            writer.close()
            if said.startswith(b"220"):
                break


async def test_addresses_that_there_aren_t_run_out(db: Database) -> None:
    limits = Limits(refused_after=0.0, refusals=3, refusals_a_second=0.0)
    async with post(db, limits) as where, talking(where) as talk:
        await talk.says(*BEGIN[:2])
        for _ in range(3):
            assert (await talk.says(b"RCPT TO:<nobody@localhost>")).startswith(b"550")
        assert (await talk.says(b"RCPT TO:<box@localhost>")).startswith(b"250")
        assert (await talk.says(b"RCPT TO:<nobody@localhost>")).startswith(b"421")
        assert await talk.reader.read() == b""
        async with talking(where) as again:
            assert (await again.says(*BEGIN)).startswith(b"250")


async def test_messages_and_recipients_have_bounds(db: Database) -> None:
    async with post(db, Limits(messages=2, messages_a_second=0.0, recipients=3)) as where, talking(where) as talk:
        await talk.says(*BEGIN)
        assert (await talk.says(*[b"RCPT TO:<box@localhost>"] * 2)).startswith(b"250")
        assert (await talk.says(b"RCPT TO:<box@localhost>")).startswith(b"452")
        assert (await talk.says(b"RSET", BEGIN[1])).startswith(b"250")
        assert (await talk.says(b"RSET", BEGIN[1])).startswith(b"450")


async def test_who_says_nothing_is_let_go(db: Database) -> None:
    async with post(db, Limits(idle=0.05)) as where:
        async with talking(where) as talk:
            assert await talk.reader.read() == b""
        async with talking(where) as talk:
            await talk.says(*BEGIN, b"DATA")
            talk.writer.write(b"x")
            assert await talk.reader.read() == b""
        assert await where.kept() == []


@pytest.mark.parametrize(
    "line",
    [
        *(b"MAIL FROM:<", b"RCPT TO:<a@[", b"RCPT TO:<>", b"RCPT TO:<box@other.example>", b"RCPT TO:<@>", b"RCPT TO:<+@localhost>"),
        *(b"RCPT TO:<" + b"b" * 2000 + b"@localhost>", b"RCPT TO:<b\x00x@localhost>", b"RCPT TO:<b\xff\xfex@localhost>"),
        *(b"\x00", b"DATA x", b"AUTH PLAIN AGEAYg==", b"BDAT 5 LAST", b"RCPT TO:<box@localhost> X=Y"),
    ],
)  # fmt: skip
async def test_a_line_that_is_wrong_is_refused_for_good_and_costs_nothing_else(db: Database, line: bytes) -> None:
    async with post(db) as where, talking(where) as talk:
        await talk.says(*BEGIN)
        assert (await talk.says(line)).startswith(b"5")
        await talk.says(b"DATA")
        assert (await talk.says(MAIL + b".")).startswith(b"250")


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, plain))
    return files


async def test_mail_comes_encrypted_where_there_is_a_certificate(db: Database, tmp_path: Path) -> None:
    async with post(db, tls=tls_of(*certificate(tmp_path))) as where:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=where.port, start_tls=True, validate_certs=False)
        async with client:
            await client.sendmail("a@x.example", ["box@localhost"], MAIL)
        async with db.engine() as connection:
            [event] = await inbox.list_events(connection, where.owner.workspace_id, None, 10)
            content = await inbox.content(connection, where.owner.workspace_id, event.content_id)
        assert content is not None
        assert isinstance(content.head, dict)
        assert content.head["tls"] is True
    with pytest.raises(BadCertificate):
        tls_of(tmp_path / "none.pem", tmp_path / "key.pem")
