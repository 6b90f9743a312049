"""Mails of a mailbox come into the inbox once each, whatever happens to the server, to the way there, and to whoever reads."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db.pool import Database
from engine.triggers.mail_poller import MOST_MAILS
from engine.triggers.mail_room import LARGEST
from tests.engine.triggers import mailbox_stand
from tests.engine.triggers.mailbox_stand import Reading, poller_of, reading
from tests.fixtures.imap_server import ImapServer, imap_serving
from tests.fixtures.relay import relay_to


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ImapServer]:
    async with imap_serving(tmp_path) as serving:
        await serving.make("Box")
        yield serving


@pytest.fixture
async def box(db: Database) -> AsyncIterator[Reading]:
    async with reading(db) as made:
        yield made


def mail(number: int, *, named: bool = True, size: int = 0) -> bytes:
    name = f"Message-ID: <{number}@x.example>\r\n" if named else ""
    return f"From: a@x.example\r\n{name}Subject: {number}\r\n\r\n".encode() + b"x" * size + b"\r\n"


def names(numbers: range) -> list[str]:
    return [f"<{number}@x.example>" for number in numbers]


async def taken(box: Reading) -> list[str | None]:
    return [one.dedupe_key for one in await box.events() if one.verdict == "waiting"]


@pytest.mark.parametrize(
    "failpoint",
    [
        "before:mailboxes.advance@3",
        "mid:mailboxes.advance@3",
        "after:mailboxes.advance@3",
        "before:mailboxes.let_go",
        "after:mailboxes.let_go",
    ],
)
async def test_each_mail_comes_once_wherever_its_reader_is_killed(
    database_url: str, box: Reading, server: ImapServer, failpoint: str
) -> None:
    await box.connect(server)
    await box.read(mail="Box")
    await server.put(*map(mail, range(5)), mailbox="Box")
    await box.change()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", mailbox_stand.__name__, database_url, failpoint), stderr=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == -signal.SIGKILL
    before = len(await taken(box))
    assert before == {
        "before:mailboxes.advance@3": 2,
        "mid:mailboxes.advance@3": 2,
        "after:mailboxes.advance@3": 3,
    }.get(failpoint, 5)
    await box.look()
    assert await taken(box) == names(range(5))
    assert len(await box.events()) == 5


async def test_a_way_that_breaks_anywhere_loses_nothing_and_is_told(box: Reading, server: ImapServer) -> None:
    async with relay_to(server.port) as relay:
        await box.connect(server, port=relay.port)
        await box.read(mail="Box")
        await server.put(*(mail(number, size=50_000) for number in range(3)), mailbox="Box")
        for cut, come in (*((each, 0) for each in (1, 40, 150, 400, 900, 20_000)), (60_000, 1), (60_000, 2)):
            relay.cut = cut
            await box.look()
            shown = await box.shown()
            assert (shown.state, len(await taken(box))) == ("failing", come)
            assert shown.reason is not None
            assert "'127.0.0.1'" in shown.reason
        relay.cut = None
        await box.look()
    assert await taken(box) == names(range(3))
    assert len(await box.events()) == 3
    assert (await box.shown()).reason is None


async def test_a_mailbox_that_is_numbered_anew_is_read_since_the_day_before(box: Reading, server: ImapServer) -> None:
    await box.connect(server)
    await box.read(mail="Box")
    first = [mail(1), mail(2), mail(3, named=False)]
    await server.put(*first, mailbox="Box")
    await box.look()
    await server.empty("Box")
    await server.put(mail(999), mailbox="Box", at='"01-Nov-2020 10:00:00 +0000"')
    await server.put(*first, mailbox="Box")
    await server.put(*map(mail, range(4, MOST_MAILS + 4)), mailbox="Box")
    await server.put(mail(998), mailbox="Box", at='"01-Nov-2020 10:00:00 +0000"')
    await box.look()
    found = await box.events()
    assert [one.verdict for one in found] == [*["waiting"] * 3, *["duplicate"] * 3, *["waiting"] * MOST_MAILS]
    assert [one.dedupe_key for one in found[6:]] == names(range(4, MOST_MAILS + 4))
    await server.put(mail(997), mailbox="Box", at='"01-Nov-2020 10:00:00 +0000"')
    await box.look()
    assert (await taken(box))[-1] == "<997@x.example>"


async def test_another_users_mailbox_begins_anew(box: Reading, server: ImapServer, tmp_path: Path) -> None:
    await box.connect(server)
    await box.read(mail="INBOX")
    (tmp_path / "other").mkdir()
    async with imap_serving(tmp_path / "other", "somebody") as other:
        await box.change(**other.config)
        await box.look()
        assert (await box.shown()).state == "ok"
        await other.put(mail(1))
        await box.look()
    assert await taken(box) == names(range(1, 2))


async def test_a_full_mailbox_is_read_in_parts_and_in_order_by_several_at_once(
    db: Database, box: Reading, server: ImapServer
) -> None:
    await box.connect(server)
    await box.read(one="Box", other="Box")
    count = MOST_MAILS + 30
    await server.put(*map(mail, range(count)), mailbox="Box")
    await box.change()

    async def rounds() -> int:
        poller, looks = poller_of(db, box.stand), 0
        while await poller.round():
            looks += 1
        return looks

    while len(await taken(box)) < 2 * count:
        assert max(await asyncio.gather(*(rounds() for _ in range(4)))) > 0
    found = await box.events()
    for trigger in ("one", "other"):
        mine = [one.dedupe_key for one in found if one.trigger_id == trigger]
        assert mine == names(range(count))


async def test_a_mail_that_is_too_large_is_told_of_and_not_fetched(box: Reading, server: ImapServer) -> None:
    async with relay_to(server.port) as relay:
        await box.connect(server, port=relay.port)
        await box.read(mail="Box")
        await server.put(mail(1, size=LARGEST), mail(2), mailbox="Box")
        await box.look()
    large, small = await box.events()
    assert (large.verdict, small.verdict, small.dedupe_key) == ("refused", "waiting", "<2@x.example>")
    assert large.reason is not None
    assert "larger than 25 MB" in large.reason
    assert large.size > LARGEST
    assert relay.said < 100_000
