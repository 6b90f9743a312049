"""Mail from runs: a workflow with a connection to a real mail server, carried out by the real engine."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.fixtures.api import Api
from tests.fixtures.flows import flow, step
from tests.fixtures.mail_server import MailServer, mail_serving

PASSWORD = "c4nary-of-mail"


async def mail_connection(api: Api, server: MailServer, **more: Any) -> str:
    name = f"mail-{uuid4().hex[:10]}"
    body = {
        "name": name,
        "app": "mail",
        "kind": "smtp",
        "config": {**server.config, **more},
        "secret": {"password": PASSWORD},
    }
    answer = await api.owner.post("/connections", json=body)
    assert answer.status_code == 201, answer.text
    return name


async def test_a_run_sends_mail_again_under_the_same_id(api: Api) -> None:
    async with mail_serving(user=("shop", PASSWORD)) as server:
        name = await mail_connection(api, server, username="shop")
        send = step(
            "email.send",
            to="{{ input.to }}",
            subject="Order {{ input.id }}",
            text="Sent.",
            attachments=["{{ steps.f.output }}"],
        )
        document = flow(
            "{{ steps.s.output.message_id }}",
            f=step("files.write", name="a.txt", content="hello"),
            s={**send, "connection": name, "retry": {"initial": "10ms"}, "_after": "f"},
        )
        document["requires"] = {"connections": {name: {"app": "mail"}}}
        workflow = await api.create(document)
        server.answers = ["451 later", "cut"]
        run = await api.run(workflow, {"to": "Ada <ada@example.com>", "id": 7})
        assert run["status"] == "succeeded", run
        cut, taken = server.received
        assert cut.message["message-id"] == taken.message["message-id"] == run["output"]
        [_, attached] = taken.message.iter_parts()
        assert (attached.get_filename(), attached.get_payload(decode=True)) == ("a.txt", b"hello")
        rows = [row for row in await api.steps(str(run["run_id"])) if row["step"] == "s"]
        assert [(row["error"] or {}).get("code") for row in rows] == ["smtp.451", "smtp.connect", None]  # type: ignore[union-attr]
        server.refuse = {"nobody@example.com": ["550 no such user"]}
        refused = await api.run(workflow, {"to": "ada@example.com, nobody@example.com", "id": 8})
        assert (refused["status"], refused["error"]["code"]) == ("failed", "smtp.recipients")  # type: ignore[index, call-overload]
        assert len(server.received) == 2
        seen = [run, refused, *rows, *await api.steps(str(refused["run_id"]))]
        assert PASSWORD not in str(seen)
        assert PASSWORD not in api.log.read_text()


async def test_mail_needs_a_connection_of_its_kind(api: Api, mail_server: MailServer) -> None:
    mail = {"to": "ada@example.com", "subject": "s", "text": "t"}
    without = await api.run(await api.create(flow(s=step("email.send", **mail))))
    assert without["error"]["code"] == "connection.missing"  # type: ignore[index, call-overload]
    simulated = await api.run(
        await api.create(flow("{{ steps.s.output }}", s=step("email.send", **mail))), simulate=True
    )
    assert simulated["status"] == "succeeded"
    assert mail_server.connections == 0
