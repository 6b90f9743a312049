"""Approvals by mail: what arrives, what looking and answering do, and who is listed as asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fixtures.api import Api, JsonObject, problem
from tests.fixtures.flows import flow, step
from tests.fixtures.mail_server import MailServer, Received, mail_serving
from tests.server.api.test_mail import mail_connection

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {
    "description": "Mind the budget.",
    "fields": [
        {"name": "amount", "label": "How much?", "type": "number", "required": True},
        {"name": "note", "type": "textarea"},
    ],
}


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_serving() as server:
        yield server


async def asking(api: Api, server: MailServer, *, to: Any = "ada@example.com", retry: Any = None, **inputs: Any) -> str:
    name = await mail_connection(api, server)
    ask = step("human.approve", to=to, subject="May order {{ input.id }} go?", text="It is <large>.", **inputs)
    document = flow(
        "{{ steps.ask.output }}",
        ask={**ask, "connection": name, **({"retry": retry} if retry else {})},
        yes=step("core.set", values={"went": "yes"}, after="ask:approved"),
        no=step("core.set", values={"went": "no"}, after="ask:refused"),
    )
    document["requires"] = {"connections": {name: {"app": "mail"}}}
    return await api.create(document)


def link(received: Received) -> str:
    text = received.message.get_content()
    found = re.search(r"http\S+/resume/\S+", text)
    assert found, text
    return found[0]


async def tasks_of(client: Any, run_id: str) -> list[JsonObject]:
    answer = await client.get("/tasks", params={"limit": 500})
    assert answer.status_code == 200, answer.text
    return [task for task in answer.json()["items"] if task["run_id"] == run_id]


async def test_the_first_answer_counts_and_says_whose_it_is(api: Api, server: MailServer) -> None:
    workflow = await asking(api, server, to=["Ada <ada@example.com>", "bob@example.com"], form=FORM, timeout="1d")
    run_id = await api.start(workflow, {"id": 7})
    run = await api.until(run_id, "waiting")
    assert [(why["kind"], why["resume_url"]) for why in run["waiting_for"]] == [("event", None)]  # type: ignore[union-attr, index, call-overload]
    by_name = {received.recipients[0]: received for received in await server.until(2)}
    assert set(by_name) == {"ada@example.com", "bob@example.com"}
    ada, bob = (link(by_name[f"{name}@example.com"]) for name in ("ada", "bob"))
    assert ada != bob
    message = by_name["ada@example.com"].message
    assert (message["subject"], message["to"]) == ("May order 7 go?", "Ada <ada@example.com>")
    assert "It is <large>." in message.get_content()
    assert len({received.message["message-id"] for received in server.received}) == 2

    [task] = await tasks_of(api.viewer, run_id)
    assert (task["kind"], task["workflow"], task["path"], task["subject"]) == (
        "approval",
        workflow,
        "ask",
        "May order 7 go?",
    )
    assert (task["to"], task["form"], task["url"]) == (["Ada <ada@example.com>", "bob@example.com"], FORM, None)
    assert await tasks_of(api.foreign, run_id) == []

    for _ in range(2):  # as mail scanners do
        page = await api.outside.get(ada)
        assert (page.status_code, page.headers["referrer-policy"]) == (200, "no-referrer")
        assert "It is &lt;large&gt;." in page.text
        assert "How much?" in page.text
        assert page.text.count('name="decision"') == 2
    assert (await api.outside.head(bob)).status_code in (200, 405)
    assert (await api.owner.get(f"/runs/{run_id}")).json()["status"] == "waiting"

    again = await api.outside.post(bob, data={"decision": "approved", "amount": "much", "note": "<b>"}, headers=BROWSER)
    assert (again.status_code, "amount" in again.text, "&lt;b&gt;" in again.text) == (422, True, True)
    for wrong in (
        {"amount": 1},
        {"decision": "maybe", "amount": 1},
        {"decision": "approved"},
        [],
        {"decision": "refused", "by": "x"},
    ):
        problem(await api.outside.post(bob, json=wrong), 422, "input.invalid")
    taken = await api.outside.post(bob, data={"decision": "approved", "amount": "12.5", "note": ""}, headers=BROWSER)
    assert (taken.status_code, taken.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Approved by bob@example.com" in taken.text

    ended = await api.end(run_id)
    output = ended["output"]
    assert isinstance(output, dict)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", str(output.pop("at")))
    assert output == {"decision": "approved", "amount": 12.5, "note": None, "by": "bob@example.com"}
    rows = {str(row["step"]): row["status"] for row in await api.steps(run_id)}
    assert rows == {"ask": "succeeded", "yes": "succeeded", "no": "skipped"}
    for late in (ada, bob):
        assert (
            "Approved by bob@example.com"
            in problem(await api.outside.post(late, json={"decision": "refused"}), 409, "resume.answered")["detail"]
        )  # type: ignore[operator]
        page = await api.outside.get(late)
        assert (page.status_code, "Approved by bob@example.com" in page.text) == (410, True)
        page = await api.outside.post(late, data={"decision": "refused"}, headers=BROWSER)
        assert (page.status_code, "Approved by bob@example.com" in page.text) == (409, True)
    assert await tasks_of(api.owner, run_id) == []


async def test_a_refusal_needs_no_field_and_an_owner_answers_in_their_own_name(api: Api, server: MailServer) -> None:
    workflow = await asking(api, server, form=FORM)
    run_id = await api.start(workflow, {"id": 8})
    await api.until(run_id, "waiting")
    [task] = await tasks_of(api.owner, run_id)
    assert task["expires_at"] is None
    answer = await api.outside.post(str(task["url"]), data={"decision": "refused", "amount": "", "note": "too much"})
    assert answer.json() == {"run_id": run_id}
    output: Any = (await api.end(run_id))["output"]
    owners = [each["email"] for each in (await api.owner.get("/members")).json()["items"] if each["role"] == "owner"]
    assert (output["decision"], output["note"]) == ("refused", "too much")
    assert output["by"] in owners
    rows = {str(row["step"]): row["status"] for row in await api.steps(run_id)}
    assert (rows["yes"], rows["no"]) == ("skipped", "succeeded")


async def test_links_end_with_the_wait(api: Api, server: MailServer) -> None:
    run = await api.run(await asking(api, server, timeout="200ms"), {"id": 9})
    assert (run["status"], run["error"]["code"]) == ("failed", "event.timeout")  # type: ignore[index, call-overload]
    url = link(server.received[0])
    assert (await api.outside.get(url)).status_code == 410
    problem(await api.outside.post(url, json={"decision": "approved"}), 410, "resume.over")
    page = await api.outside.post(url, data={"decision": "approved"}, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (410, "text/html; charset=utf-8")
    assert len(server.received) == 1
    [row] = [row for row in await api.steps(str(run["run_id"])) if row["step"] == "ask"]
    assert row["input"]["subject"] == "May order 9 go?"  # type: ignore[index, call-overload]


async def test_mails_that_are_refused_fail_the_step_and_those_that_may_pass_go_again(
    api: Api, server: MailServer
) -> None:
    server.refuse = {"bob@example.com": ["451 later"]}
    workflow = await asking(api, server, to="ada@example.com, bob@example.com", retry={"initial": "10ms"})
    run_id = await api.start(workflow, {"id": 10})
    await server.until(3)
    ids = [(received.recipients[0], received.message["message-id"]) for received in server.received]
    assert len(set(ids)) == 2
    assert [who for who, _ in ids] == ["ada@example.com", "ada@example.com", "bob@example.com"]
    assert (await api.outside.post(link(server.received[0]), json={"decision": "approved"})).status_code == 200
    assert (await api.end(run_id))["status"] == "succeeded"
    rows = [row for row in await api.steps(run_id) if row["step"] == "ask"]
    assert [(row["attempt"], row["status"]) for row in rows] == [(1, "failed"), (2, "succeeded")]

    server.refuse = {"ada@example.com": ["550 unknown"]}
    run = await api.run(await asking(api, server), {"id": 11})
    assert run["error"]["code"] == "smtp.recipients"  # type: ignore[index, call-overload]


async def test_a_step_before_may_send_the_address_by_other_ways(api: Api, server: MailServer) -> None:
    workflow = await asking(api, server)
    draft = (await api.owner.get(f"/workflows/{workflow}/draft")).json()
    document = draft["document"]
    document["steps"]["told"] = {
        "module": "core.log",
        "version": 1,
        "inputs": {"message": "{{ steps.ask.resume_url }}"},
    }
    document["edges"].append({"from": "told", "to": "ask"})
    saved = await api.owner.put(
        f"/workflows/{workflow}/draft", json={"document": document, "base_revision": draft["revision"]}
    )
    assert saved.status_code == 200, saved.text
    run_id = await api.start(workflow, {"id": 12}, version="draft")
    await api.until(run_id, "waiting")
    [told] = [row for row in await api.steps(run_id) if row["step"] == "told"]
    url = told["logs"][0]["message"]  # type: ignore[index, call-overload]
    assert (await api.outside.post(str(url), json={"decision": "approved"})).status_code == 200
    output: Any = (await api.end(run_id))["output"]
    assert (output["decision"], output["by"]) == ("approved", None)


async def test_forms_are_tasks_and_waits_for_programs_are_not(api: Api) -> None:
    fields = {"title": "How much?", "fields": [{"name": "n", "type": "integer"}]}
    form = await api.start(await api.create(flow(e=step("core.wait_for_event", form=fields, timeout="1h"))))
    program = await api.start(await api.create(flow(e=step("core.wait_for_event"))))
    for run_id in (form, program):
        await api.until(run_id, "waiting")
    [task] = await tasks_of(api.viewer, form)
    assert (task["kind"], task["subject"], task["to"], task["form"]) == ("form", "How much?", None, fields)
    assert await tasks_of(api.owner, program) == []
    more = await api.start(await api.create(flow(e=step("core.wait_for_event", form=fields))))
    await api.until(more, "waiting")
    first = (await api.owner.get("/tasks", params={"limit": 1})).json()
    assert [item["run_id"] for item in first["items"]] == [more]
    second = (await api.owner.get("/tasks", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [item["run_id"] for item in second["items"]] == [form]
    assert (await api.outside.post(str(task["url"]), data={"n": "3"}, headers=BROWSER)).status_code == 200
    assert (await api.end(form))["status"] == "succeeded"
    for run_id in (program, more):
        await api.owner.post(f"/runs/{run_id}/cancel")
        await api.end(run_id)
    assert await tasks_of(api.owner, more) == []
