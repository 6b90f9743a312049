"""Mail that lies in a mailbox: read over a real IMAP server, each once, whatever happens to the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from engine.expressions.values import Json
from tests.fixtures.api import Api
from tests.fixtures.imap_server import PASSWORD, ImapServer, imap_serving
from tests.server.api.test_mail_in import SEEN, message, route, send, settled


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ImapServer]:
    async with imap_serving(tmp_path) as serving:
        yield serving


async def connected(api: Api, server: ImapServer, password: str = PASSWORD, **more: Any) -> str:
    name = f"box-{uuid4().hex[:10]}"
    body = {"name": name, "app": "mail", "kind": "imap", "config": {**server.config, **more}}
    answer = await api.owner.post("/connections", json={**body, "secret": {"password": password}})
    assert answer.status_code == 201, answer.text
    return name


def reading(connection: str, **inputs: Json) -> dict[str, Any]:
    trigger = {"module": "email.trigger", "version": 1, "connection": connection, "inputs": {"every": "1s", **inputs}}
    return {**SEEN, "triggers": {"mail": trigger}, "requires": {"connections": {connection: {"app": "mail"}}}}


async def looked_at(api: Api, workflow: str, state: str = "ok") -> dict[str, Any]:
    """The mailbox, once the last look at it ended so."""
    while True:
        found = (await route(api, workflow))["mailbox"]
        if found["state"] == state:
            return found
        await asyncio.sleep(0.05)


async def test_new_mails_of_a_mailbox_start_runs_and_old_ones_don_t(api: Api, server: ImapServer) -> None:
    name = await api.create(reading(await connected(api, server)))
    shown = await looked_at(api, name)
    assert (shown["mailbox"], shown["every"], shown["afterwards"], shown["reason"]) == ("INBOX", 1.0, "keep", None)
    unseen = await server.unseen()
    mail = message("from the box\n", Delivered_To="me+tag@x.example")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    await server.put(mail.as_bytes())
    await server.put(message("another\n").as_bytes())
    found = await settled(api, name, 2)
    assert [one["verdict"] for one in found] == ["accepted", "accepted"]
    seen: Any = (await api.end(found[0]["run_id"]))["output"]
    assert (seen["text"], seen["recipient"], seen["attachments"][0]["name"]) == (
        "from the box\n",
        "me+tag@x.example",
        "a.pdf",
    )
    assert await server.unseen() == unseen + 2
    await send(api, (await route(api, name))["address"], mail)
    await server.put(mail.as_bytes())
    found = await settled(api, name, 4)
    assert [one["verdict"] for one in found[2:]] == ["duplicate", "duplicate"]
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})


async def test_mails_of_any_mailbox_are_marked_as_seen_if_that_is_wanted(api: Api, server: ImapServer) -> None:
    await server.make('"Rechnungen &AOk-t&AOk- \\"x\\""')
    name = await api.create(reading(await connected(api, server), mailbox='Rechnungen été "x"', afterwards="seen"))
    await looked_at(api, name)
    await server.put(message().as_bytes(), mailbox='"Rechnungen &AOk-t&AOk- \\"x\\""')
    [event] = await settled(api, name)
    await api.end(event["run_id"])
    while await server.unseen('"Rechnungen &AOk-t&AOk- \\"x\\""'):
        await asyncio.sleep(0.05)
    draft = (await api.editor.get(f"/workflows/{name}/draft")).json()
    bare = {**SEEN, "name": name, "triggers": {}}
    saved = await api.editor.put(
        f"/workflows/{name}/draft", json={"document": bare, "base_revision": draft["revision"]}
    )
    assert saved.status_code == 200, saved.text
    await api.editor.post(f"/workflows/{name}/deploy", json={"note": "reads none"})
    assert (await api.viewer.get("/email-routes", params={"workflow": name})).json()["items"] == []


async def test_what_is_wrong_is_told_and_put_right_without_losing_a_mail(api: Api, server: ImapServer) -> None:
    connection = await connected(api, server, password="wrong-c4nary")
    name = await api.create(reading(connection))
    assert "refuses the user or the password" in (await looked_at(api, name, "failing"))["reason"]
    await api.owner.patch(f"/connections/{connection}", json={"secret": {"password": PASSWORD}})
    await looked_at(api, name)
    await server.put(message("before\n").as_bytes())
    await settled(api, name)
    await server.stop()
    assert (await looked_at(api, name, "failing"))["reason"]
    await server.start()
    await server.put(message("after\n").as_bytes())
    found = await settled(api, name, 2)
    assert [one["verdict"] for one in found] == ["accepted", "accepted"]
    assert (await looked_at(api, name))["reason"] is None
    await api.editor.patch(f"/workflows/{name}", json={"status": "paused"})
    await server.put(message("while it was paused\n").as_bytes())
    await api.editor.patch(f"/workflows/{name}", json={"status": "active"})
    assert len(await settled(api, name, 3)) == 3
    await api.owner.delete(f"/workflows/{name}")
    assert "c4nary" not in api.log.read_text()


async def test_a_connection_of_another_kind_and_a_mailbox_that_there_isn_t_are_told(
    api: Api, server: ImapServer
) -> None:
    connection = await connected(api, server)
    name = await api.create(reading(connection, mailbox="nowhere"))
    assert "refuses the mailbox 'nowhere'" in (await looked_at(api, name, "failing"))["reason"]
    await api.owner.delete(f"/workflows/{name}")
    other = f"out-{uuid4().hex[:8]}"
    smtp = {"name": other, "app": "mail", "kind": "smtp", "config": server.config, "secret": {"password": "t"}}
    assert (await api.owner.post("/connections", json=smtp)).status_code == 201
    name = await api.create(reading(other))
    assert "is of the kind 'smtp', not 'imap'" in (await looked_at(api, name, "failing"))["reason"]
    await api.owner.delete(f"/workflows/{name}")
