"""The addresses at which people and programs answer a waiting step."""

from __future__ import annotations

import base64

from engine.expressions.values import Json
from tests.fixtures.api import Api, JsonObject, problem
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer


def waiting(**inputs: Json) -> JsonObject:
    return flow("{{ steps.e.output }}", e=step("core.wait_for_event", **{"timeout": "1h", **inputs}))


async def opened(api: Api, document: JsonObject) -> tuple[str, str]:
    """A run that waits, and its step's address."""
    run_id = await api.start(await api.create(document))
    run = await api.until(run_id, "waiting")
    (reason,) = run["waiting_for"]  # type: ignore[misc]
    assert reason["kind"] == "event"  # type: ignore[index, call-overload]
    (row,) = await api.steps(run_id)
    assert row["resume_url"] == reason["resume_url"]  # type: ignore[index, call-overload]
    return run_id, str(row["resume_url"])


async def test_a_post_ends_the_wait_and_a_second_one_is_told_so(api: Api) -> None:
    run_id, url = await opened(api, waiting())
    answer = await api.outside.post(url, json={"ok": [1, "ü"]})
    assert (answer.status_code, answer.json()) == (200, {"run_id": run_id})
    assert problem(await api.outside.post(url, json={}), 409, "resume.answered")["run_id"] == run_id
    assert (await api.end(run_id))["output"] == {"ok": [1, "ü"]}
    problem(await api.outside.post(url, json={}), 409, "resume.answered")


async def test_looking_never_resumes(api: Api) -> None:
    form: Json = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean", "title": "Really?"}}}
    run_id, url = await opened(api, waiting(schema=form))
    for _ in range(2):
        page = await api.outside.get(url)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "Really?" in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
    assert (await api.outside.head(url)).status_code in (200, 405)
    assert (await api.owner.get(f"/runs/{run_id}")).json()["status"] == "waiting"
    problem(await api.outside.post(url, json={"ok": "yes"}), 422, "input.invalid")
    problem(
        await api.outside.post(url, content=b"{", headers={"Content-Type": "application/json"}), 400, "body.malformed"
    )
    posted = await api.outside.post(url, data={"ok": "true"})
    assert posted.status_code == 200, posted.text
    assert (await api.end(run_id))["output"] == {"ok": True}
    assert (await api.outside.get(url)).status_code == 410


async def test_an_address_that_is_over_says_410(api: Api) -> None:
    run_id, url = await opened(api, waiting())
    await api.owner.post(f"/runs/{run_id}/cancel")
    await api.end(run_id)
    assert problem(await api.outside.post(url, json={}), 410, "resume.over")["run_id"] == run_id
    expired = await api.run(await api.create(waiting(timeout="10ms")))
    assert expired["status"] == "failed"
    (row,) = await api.steps(str(expired["run_id"]))
    problem(await api.outside.post(str(row["resume_url"]), json={}), 410, "resume.over")


async def test_a_post_that_comes_before_the_step_waits_is_kept(api: Api, http_server: HttpServer) -> None:
    http_server.answer("POST", "/mail", Answer.of_json({}))
    document = flow(
        "{{ steps.e.output }}",
        mail=step("http.request", method="POST", url=f"{http_server.url}/mail", json="{{ steps.e.resume_url }}"),
        pause=step("core.wait_for_event", timeout="1h", after="mail"),
        e=step("core.wait_for_event", timeout="1h", after="pause"),
    )
    run_id = await api.start(await api.create(document))
    run = await api.until(run_id, "waiting")
    early = http_server.requests[0].body.decode().strip('"')
    assert (await api.outside.post(early, json="early")).status_code == 200
    problem(await api.outside.post(early, json="second"), 409, "resume.answered")
    await api.outside.post(str(run["waiting_for"][0]["resume_url"]), json={})  # type: ignore[index, call-overload]
    assert (await api.end(run_id))["output"] == "early"


async def test_addresses_that_nobody_gave_lead_nowhere(api: Api) -> None:
    run_id, url = await opened(api, waiting())
    token = url.rpartition("/")[2]
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = base64.urlsafe_b64encode(raw[:20] + bytes([raw[20] ^ 1]) + raw[21:]).decode().rstrip("=")
    other = base64.urlsafe_b64encode(raw[:-1] + b"x").decode().rstrip("=")
    for odd in (forged, other, token[:-3], "x", "%00", "ü", "a" * 5000, base64.urlsafe_b64encode(bytes(40)).decode()):
        problem(await api.outside.post(f"/resume/{odd}", json={}), 404, "resume.unknown")
        problem(await api.outside.get(f"/resume/{odd}"), 404, "resume.unknown")
    await api.owner.post(f"/runs/{run_id}/cancel")
