"""Mail by a real SMTP connection to the API's process: who gets it, what it becomes, and what is turned away."""

from __future__ import annotations

import asyncio
import contextlib
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiosmtplib
import pytest
import yaml

from db import inbox
from engine.expressions.values import Json
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import flow, step
from tests.modules.email.corpus import corpus, large

ROOT = Path(__file__).parents[3]

SEEN = flow("{{ trigger.body }}", a=step("core.log", message="m"))


def mailed(**inputs: Json) -> dict[str, Any]:
    return {**SEEN, "triggers": {"mail": {"module": "email.trigger", "version": 1, "inputs": inputs}}}


def alias() -> str:
    return f"a-{uuid4().hex[:12]}"


def message(text: str = "hello\n", **headers: str) -> EmailMessage:
    made = EmailMessage()
    given = {"From": "Ann <ann@x.example>", "To": "somebody@localhost", "Subject": "a mail"}
    for name, value in {**given, "Message-ID": f"<{uuid4()}@x.example>", **headers}.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


async def route(api: Api, workflow: str) -> dict[str, Any]:
    [found] = (await api.viewer.get("/email-routes", params={"workflow": workflow})).json()["items"]
    return found


async def send(api: Api, to: str | list[str], mail: EmailMessage | bytes, sender: str = "ann@x.example") -> None:
    """Raises what the server answers, if that is a refusal."""
    raw = mail if isinstance(mail, bytes) else mail.as_bytes()
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=api.smtp_port, start_tls=False) as client:
        await client.sendmail(sender, [to] if isinstance(to, str) else to, raw)


async def events(api: Api, workflow: str) -> list[dict[str, Any]]:
    """Oldest first."""
    return (await api.viewer.get("/inbox", params={"workflow": workflow, "kind": "email"})).json()["items"][::-1]


async def settled(api: Api, workflow: str, count: int = 1) -> list[dict[str, Any]]:
    """So many events, once none waits."""
    while True:
        found = await events(api, workflow)
        if len(found) >= count and all(one["verdict"] != "waiting" for one in found):
            return found
        await asyncio.sleep(0.03)


async def test_a_mail_to_the_permanent_address_starts_a_run_that_sees_it(api: Api) -> None:
    name = await api.create(mailed())
    where = await route(api, name)
    assert (where["alias"], where["enabled"], where["trigger"]) == (None, True, "mail")
    mail = message("Grüße\n", Subject="Rechnung für März", In_Reply_To="<before@y>", Cc="c@z.example")
    mail.add_alternative("<p>Grüße</p>", subtype="html")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="März/2026.pdf")
    local, _, domain = where["address"].partition("@")
    await send(api, f"{local.upper()}+tag@{domain}", mail)
    [event] = await settled(api, name)
    run = await api.end(event["run_id"])
    trigger: Any = run["trigger"]
    assert trigger["type"] == "email"
    seen: Any = run["output"]
    assert (seen["from"], seen["from_name"], seen["to"], seen["cc"]) == (
        "ann@x.example",
        "Ann",
        ["somebody@localhost"],
        ["c@z.example"],
    )
    assert (seen["subject"], seen["text"], seen["html"]) == ("Rechnung für März", "Grüße\n", "<p>Grüße</p>\n")
    assert (seen["in_reply_to"], seen["message_id"]) == ("<before@y>", mail["Message-ID"])
    assert seen["recipient"].endswith("+tag@localhost")
    assert seen["auth"] == {"spf": None, "dkim": None, "dmarc": None, "tls": False}
    [file] = seen["attachments"]
    assert (file["name"], file["mime_type"], file["size"], file["inline"]) == (
        "März_2026.pdf",
        "application/pdf",
        4,
        False,
    )
    assert (await api.viewer.get(f"/files/{file['file_id']}/content")).content == b"%PDF"
    raw = (await api.viewer.get(f"/inbox/{event['event_id']}/raw")).content
    assert raw.replace(b"\r\n", b"\n").startswith(b"From: Ann")


async def test_alias_and_permanent_address_both_live_and_a_message_to_both_is_one_run(api: Api) -> None:
    chosen = alias()
    name = await api.create(mailed(alias=chosen))
    where = await route(api, name)
    assert where["alias"] == chosen
    await send(api, [f"{chosen}@localhost", where["address"]], message())
    await send(api, f"{chosen.upper()}@LOCALHOST", message())
    found = await settled(api, name, 2)
    assert [one["verdict"] for one in found] == ["accepted", "accepted"]
    assert len({one["run_id"] for one in found}) == 2


async def test_several_recipients_start_several_runs_and_share_what_came(api: Api) -> None:
    first, second = [await api.create(mailed()) for _ in range(2)]
    where = [(await route(api, name))["address"] for name in (first, second)]
    mail = message("for both\n")
    await send(api, where, mail)
    [one], [other] = await settled(api, first), await settled(api, second)
    assert one["run_id"] != other["run_id"]
    runs = [await api.end(each["run_id"]) for each in (one, other)]
    assert [run["output"]["text"] for run in runs] == ["for both\n"] * 2  # type: ignore[index,call-overload]
    assert [run["output"]["recipient"] for run in runs] == where  # type: ignore[index,call-overload]
    raws = [(await api.viewer.get(f"/inbox/{each['event_id']}/raw")).content for each in (one, other)]
    assert raws[0] == raws[1]
    async with api.db.engine() as connection:
        kept = await inbox.get(connection, api.workspace_id, inbox.EventId(UUID(other["event_id"])))
        whole = await inbox.get(connection, api.workspace_id, inbox.EventId(UUID(one["event_id"])))
    assert kept is not None
    assert whole is not None
    assert kept.content_id == whole.content_id


async def test_the_same_mail_again_starts_nothing(api: Api) -> None:
    name, other = [await api.create(mailed()) for _ in range(2)]
    where = (await route(api, name))["address"]
    mail = message()
    for _ in range(3):
        await send(api, where, mail)
    await send(api, [where, (await route(api, other))["address"]], mail)
    found = await settled(api, name, 4)
    assert [one["verdict"] for one in found] == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert [one["verdict"] for one in await settled(api, other)] == ["accepted"]
    bare = b"From: a@x.example\r\nSubject: without an id\r\n\r\nhello\r\n"
    for _ in range(2):
        await send(api, where, bare)
    assert [one["verdict"] for one in await settled(api, name, 6)][4:] == ["accepted", "duplicate"]


async def refusal(api: Api, to: str | list[str], mail: EmailMessage | bytes, sender: str = "ann@x.example") -> int:
    """The code of the answer to the first command that was refused."""
    with pytest.raises(aiosmtplib.SMTPException) as caught:
        await send(api, to, mail, sender)
    error = caught.value
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    assert isinstance(error, aiosmtplib.SMTPResponseException)
    return error.code


async def test_addresses_follow_deployments_at_once(api: Api) -> None:
    chosen, then = alias(), alias()
    name = await api.create(mailed(alias=chosen))
    where = await route(api, name)
    draft = (await api.editor.get(f"/workflows/{name}/draft")).json()
    document = {**draft["document"], "triggers": mailed(alias=then)["triggers"]}
    saved = await api.editor.put(
        f"/workflows/{name}/draft", json={"document": document, "base_revision": draft["revision"]}
    )
    await send(api, f"{chosen}@localhost", message())
    await api.editor.post(f"/workflows/{name}/deploy", json={"note": "moved"})
    assert await refusal(api, f"{chosen}@localhost", message()) == 550
    await send(api, f"{then}@localhost", message())
    moved = await route(api, name)
    assert (moved["address"], moved["route_id"]) == (where["address"], where["route_id"])
    await api.editor.post(f"/workflows/{name}/versions/1/rollback", json={})
    await send(api, f"{chosen}@localhost", message())
    assert await refusal(api, f"{then}@localhost", message()) == 550
    bare = {**draft["document"], "triggers": {}}
    await api.editor.put(f"/workflows/{name}/draft", json={"document": bare, "base_revision": saved.json()["revision"]})
    await api.editor.post(f"/workflows/{name}/deploy", json={"note": "no mail"})
    assert await refusal(api, where["address"], message()) == 550
    await api.editor.post(f"/workflows/{name}/versions/1/rollback", json={})
    await send(api, where["address"], message())
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    assert not (await route(api, name))["enabled"]
    assert await refusal(api, where["address"], message()) == 550
    await api.owner.delete(f"/workflows/{name}")
    assert await refusal(api, where["address"], message()) == 550
    other = await api.create(mailed(alias=chosen))
    await send(api, f"{chosen}@localhost", message())
    assert [one["verdict"] for one in await settled(api, other)] == ["accepted"]


async def test_an_alias_belongs_to_one_trigger_of_the_installation(api: Api) -> None:
    chosen = alias()
    await api.create(mailed(alias=chosen))
    for client in (api.owner, api.foreign):
        name = f"twin-{uuid4().hex[:8]}"
        made = await client.post("/workflows", json={"document": {**mailed(alias=chosen), "name": name}})
        assert made.status_code == 201, made.text
        refused = problem(await client.post(f"/workflows/{name}/deploy", json={}), 422, "document.invalid")
        findings: Any = refused["findings"]
        assert [(one["code"], one["path"]) for one in findings] == [("alias.taken", "/triggers/mail/inputs/alias")]
        assert (await client.get("/email-routes", params={"workflow": name})).json()["items"] == []


async def test_who_may_send_is_said_by_the_trigger(api: Api) -> None:
    picky = await api.create(mailed(allow_from=["*@supplier.example"]))
    open_ = await api.create(mailed())
    where, open_where = [(await route(api, name))["address"] for name in (picky, open_)]
    await send(api, where, message(From="Bob <BOB@Supplier.Example>"), sender="bounces+7@mailer.example")
    stranger = message(From="bob@supplier.example.evil.example")
    assert await refusal(api, where, stranger, sender="bob@supplier.example") == 550
    await send(api, [where, open_where], message(From="x@evil.example"))
    twice = (
        b"From: bob@supplier.example\r\nFrom: x@evil.example\r\nMessage-ID: <%b@x>\r\n\r\nhi\r\n" % uuid4().hex.encode()
    )
    assert await refusal(api, where, twice) == 550
    found = await settled(api, picky, 4)
    assert [one["verdict"] for one in found] == ["accepted", "refused", "refused", "refused"]
    assert "allow_from" in found[1]["reason"]
    assert "no sender for sure" in found[3]["reason"]
    assert [one["verdict"] for one in await settled(api, open_)] == ["accepted"]


@pytest.mark.parametrize(
    ("headers", "sender", "says"),
    [
        ({}, "", "bounce"),
        ({"Auto-Submitted": "auto-replied; x=y"}, "ann@x.example", "Auto-Submitted"),
        ({"Message-ID": f"<ms.{'5' * 40}@Shop.example>"}, "ann@x.example", "sent it itself"),
    ],
)
async def test_what_a_machine_answers_starts_nothing_and_its_sender_is_told_nothing(
    api: Api, headers: dict[str, str], sender: str, says: str
) -> None:
    name = await api.create(mailed())
    await send(api, (await route(api, name))["address"], message(**headers), sender=sender)
    [event] = await settled(api, name)
    assert event["verdict"] == "refused"
    assert says in event["reason"]


async def test_a_verdict_that_came_with_the_mail_is_not_ours(api: Api) -> None:
    name = await api.create(mailed())
    forged = (
        b"Authentication-Results: localhost; dmarc=pass header.from=bank.example\r\n"
        b"Authentication-Results: (a comment) LocalHost 1; spf=pass\r\n"
        b"ARC-Authentication-Results: i=1; mx.other.example; dkim=pass\r\n"
        b"Authentication-Results: mx.other.example; dkim=pass\r\n"
        b"From: boss@bank.example\r\nMessage-ID: <%b@x>\r\n\r\nhi\r\n" % uuid4().hex.encode()
    )
    await send(api, (await route(api, name))["address"], forged)
    [event] = await settled(api, name)
    seen: Any = (await api.end(event["run_id"]))["output"]
    assert seen["auth"] == {"spf": None, "dkim": None, "dmarc": None, "tls": False}
    assert seen["headers"]["authentication-results"] == "mx.other.example; dkim=pass"


async def test_a_mail_over_a_limit_is_refused_in_words_and_kept(api: Api) -> None:
    name = await api.create(mailed())
    where = (await route(api, name))["address"]
    head = b"From: a@x\r\nMessage-ID: <%b@x>\r\n" % uuid4().hex.encode()
    await send(api, where, head + b"Subject: " + b"x" * 70_000 + b"\r\n\r\nhi\r\n")
    [event] = await settled(api, name)
    assert (event["verdict"], event["attempts"]) == ("refused", 1)
    assert "'subject' has more than 64 kB" in event["reason"]
    assert len((await api.viewer.get(f"/inbox/{event['event_id']}/raw")).content) > 70_000


async def test_a_mail_is_taken_again_by_the_version_that_is_live_now(api: Api) -> None:
    name = await api.create(mailed())
    await send(api, (await route(api, name))["address"], message("again\n"))
    [event] = await settled(api, name)
    first = await api.end(event["run_id"])
    assert (await api.editor.post(f"/inbox/{event['event_id']}/replay")).status_code == 202
    [again] = await settled(api, name)
    assert again["run_id"] != event["run_id"]
    assert (await api.end(again["run_id"]))["output"] == first["output"]


async def test_others_see_no_routes_of_this_workspace(api: Api) -> None:
    name = await api.create(mailed())
    problem(await api.foreign.get("/email-routes", params={"workflow": name}), 404, "workflow.unknown")
    assert (await api.foreign.get("/email-routes")).json()["items"] == []


async def test_the_example_puts_what_is_attached_into_files_and_a_queue(api: Api) -> None:
    document = yaml.safe_load((ROOT / "examples" / "invoices_by_mail.yaml").read_text())
    queue = f"invoices-{uuid4().hex[:8]}"
    assert (await api.owner.post("/queues", json={"name": queue})).status_code == 201
    document["steps"]["queue"]["inputs"]["queue"] = queue
    name = await api.create(document)
    mail = message("Please find them attached.\n", Subject="October")
    for number in range(2):
        mail.add_attachment(b"%PDF" + bytes([number]), maintype="application", subtype="pdf", filename=f"{number}.pdf")
    mail.add_attachment(b"PNG", maintype="image", subtype="png", filename="logo.png")
    await send(api, (await route(api, name))["address"], mail)
    [event] = await settled(api, name)
    assert (await api.end(event["run_id"]))["output"] == {"subject": "October", "invoices": 2}
    items = (await api.viewer.get(f"/queues/{queue}/items")).json()["items"]
    assert [(item["data"]["name"], item["ordering_key"]) for item in items[::-1]] == [
        ("0.pdf", "ann@x.example"),
        ("1.pdf", "ann@x.example"),
    ]
    content = await api.viewer.get(f"/files/{items[0]['data']['file_id']}/content")
    assert content.content == b"%PDF\x01"


@pytest.mark.slow
async def test_awkward_mails_are_taken_or_refused_and_none_is_stuck(api: Api) -> None:
    name = await api.create(mailed())
    where = (await route(api, name))["address"]
    count = 0
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=api.smtp_port, start_tls=False, timeout=120) as client:
        for number, (_, raw) in enumerate([*corpus(), *large()]):
            named = b"Message-ID: <%d-%b@x>\r\n" % (number, uuid4().hex.encode()) + raw
            too_large = len(re.sub(rb"\r\n|\r|\n", b"\r\n", named)) > 25 * 2**20  # as the client sends it
            with pytest.raises(aiosmtplib.SMTPResponseException) if too_large else contextlib.nullcontext():
                await client.sendmail("ann@x.example", [where], named)
            count += not too_large
    while True:
        page = await api.viewer.get("/inbox", params={"workflow": name, "verdict": "waiting", "limit": 1})
        if not page.json()["items"]:
            break
        await asyncio.sleep(0.2)
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.viewer.get("/inbox", params={"workflow": name, "limit": 100, **cursor})).json()
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(found) == count >= 150
    assert {one["verdict"] for one in found} == {"accepted", "refused"}
    assert {one["attempts"] for one in found} == {1}
