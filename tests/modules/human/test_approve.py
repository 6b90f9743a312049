"""`human.approve`'s mails, to a real server. What follows them is tested with the interpreter and the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from db.ids import ConnectionId, WorkspaceId
from engine.isolated.pool import IsolatedPool
from modules.human.approve import MODULE
from modules.sdk.context import Connection, Context
from modules.sdk.declaration import Result
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context
from tests.fixtures.mail_server import MailServer
from workspace.connections.opening import Opened
from workspace.egress.guard import Guard
from workspace.egress.policy import make_policy
from workspace.mail.outgoing import mail_over

ASKED = {
    "to": ["Ada <ada@example.com>", "bob@example.com", "ADA@example.com, ada@example.com"],
    "subject": "May it go?",
}


@pytest.fixture
async def context(isolated_pool: IsolatedPool, mail_server: MailServer) -> AsyncIterator[Context]:
    guard = Guard(make_policy(["127.0.0.0/8"]))
    about = Connection("mail", "mail", "smtp", mail_server.config)
    opened = Opened(WorkspaceId(1), ConnectionId(UUID(int=1)), about, None, {}, "v", None)
    yield replace(
        example_context(isolated_pool, 20),
        mail=mail_over(guard, "localhost")(opened),
        answer_address=lambda who: f"https://mill.example/resume/of-{who}",
        idempotency_key="run:ask",
    )
    guard.close()


async def asked(context: Context, **inputs: Any) -> Result:
    assert MODULE.run is not None
    return await MODULE.run({**ASKED, **inputs}, context)


async def test_each_person_gets_one_mail_with_a_link_of_their_own(context: Context, mail_server: MailServer) -> None:
    result = await asked(context, text="It is large.\n\n", timeout="2d")
    assert result.output == {"asked": ["ada@example.com", "bob@example.com"]}
    for received, who in zip(mail_server.received, ("ada@", "bob@"), strict=True):
        text = received.message.get_content().replace("\r\n", "\n")
        assert received.recipients == [f"{who}example.com"]
        assert text.startswith(
            f"It is large.\n\nApprove or refuse here:\nhttps://mill.example/resume/of-{who}example.com\n"
        )
        assert "the first answer counts" in text
        assert text.count("https://") == 1
    first = [received.message["message-id"] for received in mail_server.received]
    await asked(context)
    assert [received.message["message-id"] for received in mail_server.received] == first * 2
    assert len(set(first)) == 2


async def test_all_are_tried_and_what_can_t_be_mended_is_told(context: Context, mail_server: MailServer) -> None:
    mail_server.refuse = {"ada@example.com": ["451 later"], "bob@example.com": ["550 nobody"]}
    with pytest.raises(ModuleError) as caught:
        await asked(context, to="ada@example.com, bob@example.com, carol@example.com")
    assert (caught.value.code, caught.value.retryable) == ("smtp.recipients", False)
    assert "bob@example.com" in caught.value.message
    assert [received.recipients for received in mail_server.received] == [["carol@example.com"]]


@pytest.mark.parametrize(
    "inputs",
    [{"to": []}, {"to": "no address"}, {"subject": "a\r\nBcc: x@y"}, {"to": [f"u{n}@example.com" for n in range(21)]}],
)
async def test_what_can_t_be_asked_is_refused_before_any_mail(
    context: Context, mail_server: MailServer, inputs: dict[str, Any]
) -> None:
    with pytest.raises(ModuleError) as caught:
        await asked(context, **inputs)
    assert (caught.value.code, caught.value.retryable) == ("input.invalid", False)
    assert mail_server.connections == 0
