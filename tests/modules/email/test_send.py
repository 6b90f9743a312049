"""`email.send` to a real server: what arrives, and what is said when it doesn't."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from db.ids import ConnectionId, WorkspaceId
from db.pool import Database
from engine.isolated.pool import IsolatedPool
from modules.email.send import MODULE
from modules.sdk.context import Connection
from modules.sdk.files import File, NewFile
from modules.sdk.verdicts import AuthExpired, ModuleError
from server.module_tools.host import example_context
from tests.fixtures.files import new_workspace_id
from tests.fixtures.mail_server import MailServer, mail_serving
from workspace.connections.opening import Opened
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.files.objects import Objects
from workspace.files.store import StoredFiles
from workspace.mail.outgoing import mail_over

MAIL = {"to": "Ada <ada@example.com>", "subject": "Your order 7", "text": "It is on its way."}
SECRET = "s3cret-canary"


def opened(config: dict[str, Any], kind: str = "smtp") -> Opened:
    about = Connection("mail", "mail", kind, config)
    return Opened(WorkspaceId(1), ConnectionId(UUID(int=1)), about, None, {"password": SECRET}, "v", None)


@dataclass
class Sender:
    pool: IsolatedPool
    guard: Guard
    files: StoredFiles

    async def run(
        self,
        config: dict[str, Any],
        *,
        key: str = "run:step",
        domain: str = "localhost",
        timeout: float = 20,
        **inputs: Any,
    ) -> str:
        context = replace(
            example_context(self.pool, timeout),
            mail=mail_over(self.guard, domain)(opened(config)),
            files=self.files,
            idempotency_key=key,
        )
        assert MODULE.run is not None
        output = (await MODULE.run({**MAIL, **inputs}, context)).output
        assert isinstance(output, dict)
        return str(output["message_id"])

    async def file(self, content: bytes, name: str) -> File:
        async def once() -> AsyncIterator[bytes]:
            yield content

        return await self.files.write(once(), NewFile(name), operation=f"given {name}")


@pytest.fixture
async def sender(isolated_pool: IsolatedPool, files_db: Database, folder_objects: Objects) -> AsyncIterator[Sender]:
    guard = Guard(make_policy(["127.0.0.0/8"]))
    yield Sender(isolated_pool, guard, StoredFiles(files_db, folder_objects, await new_workspace_id(files_db)))
    guard.close()


async def test_a_mail_arrives_as_it_was_meant(sender: Sender, mail_server: MailServer) -> None:
    picture, table = bytes(range(256)) * 100, "a;ü\r\n"
    first, second = await sender.file(picture, "p.png"), await sender.file(table.encode(), 'Übersicht "1".csv')
    sent = await sender.run(
        mail_server.config,
        domain="mail.shop.example",
        to=[{"address": "ada@example.com", "name": "Ada"}, "Bob <bob@bücher.example>, ada@example.com"],
        cc="carol@example.com",
        bcc=["dora@example.com"],
        reply_to="orders@example.com",
        subject="Größe 7 \u2028 ist da",
        html="<p>It is <b>on its way</b>.</p>",
        attachments=[{"file_id": first.file_id, "name": "front.png"}, second.file_id, second.to_json()],
        in_reply_to="<1@a.example>",
    )
    [received] = mail_server.received
    assert received.sender == "shop@example.com"
    who = ["ada@example.com", "bob@xn--bcher-kva.example", "carol@example.com", "dora@example.com"]
    assert received.recipients == who
    assert b"dora" not in received.content
    message = received.message
    assert message["message-id"] == sent
    assert sent.endswith("@mail.shop.example>")
    assert message["subject"] == "Größe 7 \u2028 ist da"
    assert (message["in-reply-to"], message["references"]) == ("<1@a.example>", "<1@a.example>")
    assert message["reply-to"] == "orders@example.com"
    texts, *files = message.iter_parts()
    assert [part.get_content_type() for part in texts.iter_parts()] == ["text/plain", "text/html"]  # type: ignore[union-attr]
    assert [(part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) for part in files] == [
        ("front.png", "image/png", picture),
        ('Übersicht "1".csv', "text/csv", table.encode()),
        ('Übersicht "1".csv', "text/csv", table.encode()),
    ]


async def test_one_refused_recipient_means_that_nobody_got_it(sender: Sender, mail_server: MailServer) -> None:
    mail_server.refuse = {
        "b@example.com": ["550 5.1.1 no such user\x07 here", "451 later"],
        "c@example.com": ["452 full"],
    }
    to = "a@example.com, b@example.com, c@example.com"
    with pytest.raises(ModuleError) as caught:
        await sender.run(mail_server.config, to=to)
    assert (caught.value.code, caught.value.retryable) == ("smtp.recipients", False)
    assert "2 of 3" in caught.value.message
    assert [(each["address"], each["code"]) for each in caught.value.details["refused"]] == [  # type: ignore[union-attr, index]
        ("b@example.com", 550),
        ("c@example.com", 452),
    ]
    assert mail_server.received == []
    with pytest.raises(ModuleError) as caught:
        await sender.run(mail_server.config, to=to)
    assert (caught.value.code, caught.value.retryable) == ("smtp.recipients", True)
    await sender.run(mail_server.config, to=to)
    assert len(mail_server.received) == 1


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        ("451 4.3.0 try again", "smtp.451", True),
        ("552 5.3.4 too big", "smtp.552", False),
        ("554 5.7.1 it looks like spam", "smtp.554", False),
        ("cut", "smtp.connect", True),
    ],
)
async def test_what_the_server_says_is_told(
    sender: Sender, mail_server: MailServer, answer: str, code: str, retryable: bool
) -> None:
    mail_server.answers = [answer]
    with pytest.raises(ModuleError) as caught:
        await sender.run(mail_server.config)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert answer[4:] in caught.value.message or answer == "cut"
    again = await sender.run(mail_server.config)
    assert {received.message["message-id"] for received in mail_server.received} == {again}


async def test_the_password_signs_in_and_shows_nowhere(sender: Sender) -> None:
    async with mail_serving(user=("shop", SECRET)) as server:
        await sender.run({**server.config, "username": "shop"})
        with pytest.raises(ModuleError) as unsigned:
            await sender.run(server.config)
        assert unsigned.value.code == "smtp.530"
        assert len(server.received) == 1
    async with mail_serving(user=("shop", "other")) as server:
        with pytest.raises(AuthExpired) as refused:
            await sender.run({**server.config, "username": "shop"})
    async with mail_serving() as server:
        with pytest.raises(ModuleError) as without:
            await sender.run({**server.config, "username": "shop"})
    assert (without.value.code, without.value.retryable) == ("smtp.unsupported", False)
    for error in (refused.value, without.value):
        assert SECRET not in f"{error.message}{error.details}"


async def test_a_letter_beyond_ascii_needs_a_server_that_takes_it(sender: Sender, mail_server: MailServer) -> None:
    await sender.run(mail_server.config, to="Ö <ö@example.com>")
    [received] = mail_server.received
    assert received.recipients == ["ö@example.com"]
    async with mail_serving(utf8=False) as server:
        with pytest.raises(ModuleError) as caught:
            await sender.run(server.config, to="ö@example.com")
    assert (caught.value.code, caught.value.retryable) == ("smtp.unsupported", False)


async def test_large_mails_go_and_larger_ones_are_refused(sender: Sender, mail_server: MailServer) -> None:
    """Five at once: two have to wait for their turn."""
    large = await sender.file(b"x" * (2 * 2**20), "large.bin")
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(sender.run(mail_server.config, key=f"run:{number}", attachments=[large.file_id]))
    assert len(mail_server.received) == 5
    assert len({received.message["message-id"] for received in mail_server.received}) == 5
    beyond = await sender.file(b"x" * (24 * 2**20), "beyond.bin")
    with pytest.raises(ModuleError) as caught:
        await sender.run(mail_server.config, attachments=[large.file_id, beyond.file_id])
    assert (caught.value.code, caught.value.retryable) == ("payload.too_large", False)
    async with mail_serving(limit=2**20) as server:
        with pytest.raises(ModuleError) as caught:
            await sender.run(server.config, attachments=[large.file_id])
        assert (caught.value.code, caught.value.retryable) == ("smtp.552", False)


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"subject": "Hello\r\nBcc: eve@example.com"}, "subject"),
        ({"to": "ada@example.com\nBcc: eve@example.com"}, "to"),
        ({"cc": ["a@example.com", {"address": "b@example.com", "name": "B\r\nX: y"}]}, "cc[1]"),
        ({"bcc": "a@example.com\0"}, "bcc"),
        ({"from": "A\r <a@example.com>"}, "from"),
        ({"from": "a@example.com, b@example.com"}, "from"),
        ({"reply_to": "no address"}, "reply_to"),
        ({"in_reply_to": "<a@b>\0"}, "in_reply_to"),
        ({"in_reply_to": "<a@b> <c@d>"}, "in_reply_to"),
        ({"text": "half \ud800"}, "text"),
        ({"text": None}, "text"),
        ({"to": [f"user{number}@example.com" for number in range(101)]}, "101"),
    ],
)
async def test_what_can_t_be_sent_is_refused_before_anybody_is_asked(
    sender: Sender, mail_server: MailServer, inputs: dict[str, Any], field: str
) -> None:
    with pytest.raises(ModuleError, match=re.escape(field)) as caught:
        await sender.run(mail_server.config, **inputs)
    assert (caught.value.code, caught.value.retryable) == ("input.invalid", False)
    assert mail_server.connections == 0


async def test_a_server_that_is_away_is_asked_again_and_one_that_is_none_too(
    sender: Sender, mail_server: MailServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = {**mail_server.config, "port": silent.getsockname()[1]}
        with pytest.raises(ModuleError) as slow:
            await sender.run(config, timeout=0.2)
    with pytest.raises(ModuleError) as away:
        await sender.run(config)
    assert (slow.value.code, away.value.code) == ("smtp.timeout", "smtp.connect")
    assert slow.value.retryable is not False
    assert away.value.retryable is not False
    with pytest.raises(ModuleError) as unnamed:
        await sender.run({key: value for key, value in mail_server.config.items() if key != "from"})
    assert unnamed.value.code == "input.invalid"
    assert mail_over(sender.guard, "localhost")(opened({}, "imap")).code == "connection.kind"  # type: ignore[attr-defined]
