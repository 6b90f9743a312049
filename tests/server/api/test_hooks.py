"""Webhooks over HTTP."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from uuid import uuid4

import pytest

from db import api_keys
from engine.expressions.values import Json
from tests.fixtures.api import JSON, Api, JsonObject, problem
from tests.fixtures.flows import flow, step


def hooked(document: JsonObject, **inputs: Json) -> JsonObject:
    return document | {"triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": dict(inputs)}}}


ECHO = flow("{{ trigger }}", name="echo", a=step("core.set", values={}))


async def test_an_async_hook_answers_with_the_run_which_sees_the_whole_request(api: Api) -> None:
    name = await api.create(hooked(ECHO))
    answer = await api.hook(
        name, json={"a": 1}, params={"q": ["1", "2"], "r": ""}, headers={"X-One": "1", "Cookie": "secret"}
    )
    assert (answer.status_code, set(answer.json())) == (202, {"run_id"})
    run = await api.end(answer.json()["run_id"])
    seen = run["output"]
    assert isinstance(seen, dict)
    assert (seen["type"], seen["id"], seen["method"], seen["body"]) == ("webhook", "hook", "POST", {"a": 1})
    assert seen["query"] == {"q": ["1", "2"], "r": ""}
    assert (seen["headers"]["x-one"], seen["headers"]["cookie"]) == ("1", "***")  # type: ignore[index, call-overload]
    assert run["trigger_type"] == "webhook"
    listed = await api.owner.get("/runs", params={"workflow": name, "trigger": "webhook"})
    assert [one["run_id"] for one in listed.json()["items"]] == [run["run_id"]]


async def test_a_sync_hook_gives_the_runs_output_or_what_core_respond_says(api: Api) -> None:
    name = await api.create(hooked(flow({"got": "{{ input }}"}, a=step("core.set", values={})), mode="sync"))
    answer = await api.hook(name, json=[1])
    assert (answer.status_code, answer.json()) == (200, {"got": [1]})
    assert (await api.owner.get(f"/runs/{answer.headers['x-run-id']}")).json()["status"] == "succeeded"
    responding = flow(
        r=step("core.respond", status=201, headers={"X-Order": "7", "Content-Type": "text/csv"}, body="a,b"),
        w=step("core.wait", duration="1h", after="r"),
    )
    name = await api.create(hooked(responding, mode="sync"))
    answer = await api.hook(name, json={})
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (201, "a,b", "text/csv")
    assert answer.headers["x-order"] == "7"
    open_ = (await api.owner.get("/runs", params={"workflow": name})).json()["items"][0]
    assert open_["finished_at"] is None, "the run goes on"
    await api.owner.post(f"/runs/{open_['run_id']}/cancel")


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        (flow(a=step("core.fail", code="my.code", message="no")), 500, "run.failed"),
        (flow(a=step("core.stop", status="cancelled")), 409, "run.cancelled"),
        (flow(a=step("core.wait", duration="1h")), 504, "run.slow"),
        (flow(a=step("core.wait", duration="1h"), settings={"timeout": "50ms"}), 504, "run.timed_out"),
    ],
)
async def test_how_else_a_run_may_go_is_a_problem_with_its_id(
    api: Api, document: JsonObject, status: int, code: str
) -> None:
    name = await api.create(hooked(document, mode="sync", timeout="300ms" if code == "run.slow" else "20s"))
    told = problem(await api.hook(name, json={}), status, code)
    run = (await api.owner.get(f"/runs/{told['run_id']}")).json()
    assert (run["status"] in ("queued", "running", "waiting")) == (code == "run.slow")
    if code == "run.slow":
        await api.owner.post(f"/runs/{run['run_id']}/cancel")


async def test_keys_of_scope_hook_open_addresses_that_ask_for_one(api: Api) -> None:
    name = await api.create(hooked(ECHO, auth="key"))
    made = (await api.owner.post("/api-keys", json={"name": "h", "role": "viewer", "scopes": ["hook"]})).json()
    async with api.db.engine() as connection:
        _, foreign = await api_keys.create(connection, api.other_id, name="f", role="owner", scopes=["hook"])
    assert (await api.hook(name, json={}, headers={"X-Api-Key": made["key"]})).status_code == 202
    assert (await api.hook(name, json={}, headers={"Authorization": f"Bearer {made['key']}"})).status_code == 202
    for key in ("", "ms_wrong", foreign):
        answer = await api.hook(name, json={}, headers={"X-Api-Key": key})
        problem(answer, 401, "key.invalid")
    problem(await api.hook(name, json={}, headers={"X-Api-Key": api.keys["editor"]}), 403, "key.scope")
    await api.owner.delete(f"/api-keys/{made['api_key_id']}")
    problem(await api.hook(name, json={}, headers={"X-Api-Key": made["key"]}), 401, "key.invalid")


async def test_a_draft_is_run_with_a_key_only_and_the_live_version_by_everybody(api: Api) -> None:
    name = await api.create(hooked(flow("draft", a=step("core.set", values={})), mode="sync"), deploy=False)
    problem(await api.hook(name, json={}), 404, "hook.unknown")
    problem(await api.hook(name, json={}, params={"version": "draft"}), 401, "key.invalid")
    headers = {"Authorization": f"Bearer {api.keys['owner']}"}
    answer = await api.hook(name, json={}, params={"version": "draft"}, headers=headers)
    assert answer.json() == "draft"


async def test_only_the_declared_method_is_taken(api: Api) -> None:
    name = await api.create(hooked(ECHO, method="PUT"))
    for method in ("GET", "POST", "PATCH", "DELETE", "OPTIONS"):
        answer = await api.hook(name, method=method)
        problem(answer, 405, "method.not_allowed")
        assert answer.headers["allow"] == "PUT"
    head = await api.hook(name, method="HEAD")
    assert (head.status_code, head.content) == (405, b"")
    assert (await api.hook(name, method="PUT", json={})).status_code == 202
    got = await api.create(hooked(ECHO, method="GET", mode="sync"))
    assert (await api.hook(got, method="GET", params={"a": "b"})).json()["query"] == {"a": "b"}


async def test_unknown_addresses_are_404_whatever_is_wrong_with_them(api: Api) -> None:
    name = await api.create(hooked(ECHO))
    for path in (
        f"nobody/{name}/hook",
        "main/nothing/hook",
        f"main/{name}/other",
        f"other/{name}/hook",
        f"main/{name}/%00",
        "main/%00/hook",
        "%00/a/b",
        f"main/{name}/%F0%9F",
        "%ff/%fe/%fd",
    ):
        problem(await api.outside.post(f"/hooks/{path}", json={}), 404, "hook.unknown")
    disabled = hooked(ECHO)
    disabled["triggers"]["hook"]["disabled"] = True  # type: ignore[index, call-overload]
    name = await api.create(disabled)
    problem(await api.hook(name, json={}), 404, "hook.unknown")
    assert (await api.owner.get(f"/workflows/{name}")).json()["hooks"] == []


async def test_the_same_event_again_gets_the_first_answer(api: Api) -> None:
    name = await api.create(hooked(ECHO, mode="sync", dedupe_key="{{ trigger.body.id }}"))
    answers = await asyncio.gather(*(api.hook(name, json={"id": 7, "n": n}) for n in range(6)))
    assert len({answer.text for answer in answers}) == 1
    assert len((await api.owner.get("/runs", params={"workflow": name})).json()["items"]) == 1
    plain = await api.create(hooked(ECHO))
    keyed = [await api.hook(plain, json={}, headers={"Idempotency-Key": key}) for key in ("a", "b", "a")]
    assert len({answer.json()["run_id"] for answer in keyed}) == 2


async def test_schema_and_rate_are_held(api: Api) -> None:
    name = await api.create(
        hooked(ECHO, schema={"type": "object", "required": ["id"]}, rate_limit={"count": 3, "per": "1h"})
    )
    refused = problem(await api.hook(name, json={}), 422, "input.invalid")
    assert refused["errors"]
    problem(await api.hook(name, content=b"{", headers=JSON), 400, "body.malformed")
    assert (await api.hook(name, json={"id": 1})).status_code == 202
    limited = await api.hook(name, json={"id": 1})
    problem(limited, 429, "rate.exceeded")
    assert int(limited.headers["retry-after"]) > 0


async def test_bodies_of_other_types(api: Api) -> None:
    name = await api.create(hooked(flow("{{ [input] }}", a=step("core.set", values={})), mode="sync"))
    for content, media, seen in (
        (b"a=1&b=2&a=3", "application/x-www-form-urlencoded", {"a": ["1", "3"], "b": "2"}),
        ("grün".encode("latin-1"), "text/plain; charset=latin-1", "grün"),
        (b"", "application/json", None),
        (b'{"a": 1}', "application/cloudevents+json", {"a": 1}),
    ):
        answer = await api.hook(name, content=content, headers={"Content-Type": media})
        assert (answer.status_code, answer.json()) == (200, [seen]), media


async def test_files_in_bodies_are_files_of_the_workspace(api: Api) -> None:
    name = await api.create(hooked(ECHO, mode="sync"))
    files = [
        ("bill", ("../../etc/b\x00ill.pdf", b"%PDF-1", "application/pdf")),
        ("photo", ("a.png", b"\x89PNG", "image/png")),
        ("photo", ("b.png", b"\x89PNG2", "no type at all")),
    ]
    form = (await api.hook(name, data={"who": "grün", "n": ["1", "2"]}, files=files)).json()["body"]
    assert (form["who"], form["n"]) == ("grün", ["1", "2"])
    assert "/" not in form["bill"]["name"]
    assert [one["name"] for one in form["photo"]] == ["a.png", "b.png"]
    assert [one["mime_type"] for one in (form["bill"], *form["photo"])] == ["application/pdf", "image/png", "image/png"]
    bill = await api.viewer.get(f"/files/{form['bill']['file_id']}/content")
    assert bill.content == b"%PDF-1"
    whole = (await api.hook(name, content=b"\x00\xff", headers={"Content-Type": "application/octet-stream"})).json()[
        "body"
    ]
    assert (whole["size"], whole["mime_type"]) == (2, "application/octet-stream")
    assert (await api.viewer.get(f"/files/{whole['file_id']}")).json()["tags"] == ["webhook"]


@pytest.mark.parametrize(
    ("body", "media", "code"),
    [
        (b"--x\r\nno form", "multipart/form-data; boundary=x", "multipart.malformed"),
        (b"--x\r\n", "multipart/form-data", "multipart.malformed"),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb",
            "multipart/form-data; boundary=x",
            "multipart.malformed",
        ),
        (b"--x--", "multipart/mixed; boundary=x", "body.unsupported"),
    ],
)
async def test_a_form_that_is_none_is_refused_and_told_apart(api: Api, body: bytes, media: str, code: str) -> None:
    name = await api.create(hooked(ECHO))
    answer = await api.hook(name, content=body, headers={"Content-Type": media})
    assert answer.json()["code"] == code
    [event] = (await api.viewer.get("/inbox", params={"workflow": name})).json()["items"]
    assert (event["verdict"], event["reason"].partition(":")[0]) == ("refused", code)


async def test_a_signed_address_takes_what_is_signed_once_and_nothing_else(api: Api) -> None:
    variable = f"HOOK_{uuid4().hex[:8]}".upper()
    await api.owner.post("/variables", json={"name": variable, "value": "an old secret", "secret": True})
    secrets: list[Json] = [f"{{{{ vars.{variable} }}}}", "the next secret"]
    name = await api.create(hooked(ECHO, mode="sync", auth="signature", preset="github", secret=secrets))
    body = b'{"zen": "Speak like a human."}'

    def signed(secret: str, delivery: str) -> dict[str, str]:
        digest = hmac.new(secret.encode(), body, "sha256").hexdigest()
        return {**JSON, "X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Delivery": delivery}

    for secret, delivery in (("an old secret", "1"), ("the next secret", "2"), ("the next secret", "2")):
        answer = await api.hook(name, content=body, headers=signed(secret, delivery))
        assert answer.json()["body"] == json.loads(body)
    for headers in (signed("a guess", "3"), JSON):
        answer = await api.hook(name, content=body, headers=headers)
        problem(answer, 401, "signature.invalid")
        assert "secret" not in answer.text
    assert len((await api.owner.get("/runs", params={"workflow": name})).json()["items"]) == 2
    events = (await api.viewer.get("/inbox", params={"workflow": name})).json()["items"]
    assert [one["verdict"] for one in events] == ["refused", "refused", "duplicate", "accepted", "accepted"]
    await api.owner.delete(f"/variables/{variable}")
    problem(await api.hook(name, content=body, headers=signed("the next secret", "4")), 401, "signature.invalid")
    [latest] = (await api.viewer.get("/inbox", params={"workflow": name, "limit": 1})).json()["items"]
    assert "the trigger's secret can't be used" in latest["reason"]


async def test_slack_is_answered_its_challenge_once_it_is_signed(api: Api) -> None:
    name = await api.create(hooked(ECHO, auth="signature", preset="slack", secret="shhh it is one"))
    body = b'{"type": "url_verification", "challenge": "3eZbrw1aB1"}'
    moment = str(int(time.time()))
    digest = hmac.new(b"shhh it is one", f"v0:{moment}:".encode() + body, "sha256").hexdigest()
    headers = {**JSON, "X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={digest}"}
    answer = await api.hook(name, content=body, headers=headers)
    assert (answer.status_code, answer.text) == (200, "3eZbrw1aB1")
    problem(await api.hook(name, content=body, headers=JSON), 401, "signature.invalid")
    assert (await api.owner.get("/runs", params={"workflow": name})).json()["items"] == []


@pytest.mark.slow  # ten seconds of nothing
async def test_a_body_that_stops_coming_is_given_up_and_stands_in_the_inbox(api: Api) -> None:
    name = await api.create(hooked(ECHO))
    reader, writer = await asyncio.open_connection(*api.authority)
    try:
        writer.write(f"POST /hooks/main/{name}/hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        answer = await reader.readuntil(b"\r\n")
    finally:
        writer.close()
    assert answer.split()[1] == b"408"
    [event] = (await api.viewer.get("/inbox", params={"workflow": name})).json()["items"]
    assert (event["verdict"], event["reason"].partition(":")[0]) == ("refused", "request.slow")


async def test_a_body_that_is_cut_off_is_told_apart(api: Api) -> None:
    name = await api.create(hooked(ECHO))
    _, writer = await asyncio.open_connection(*api.authority)
    writer.write(f"POST /hooks/main/{name}/hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
    await writer.drain()
    writer.close()
    while not (events := (await api.viewer.get("/inbox", params={"workflow": name})).json()["items"]):
        await asyncio.sleep(0.05)
    assert [event["reason"].partition(":")[0] for event in events] == ["request.aborted"]
