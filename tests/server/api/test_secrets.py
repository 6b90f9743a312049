"""Secret variables: what goes in is used and never comes out."""

from __future__ import annotations

import base64
import json
from uuid import uuid4

from engine.expressions.values import Json
from tests.fixtures.api import Api, problem
from tests.fixtures.flows import Document, flow, step
from tests.fixtures.http_server import Answer, HttpServer, Request


def fresh() -> str:
    return f"S_{uuid4().hex[:10].upper()}"


def reading(name: str, document: Document) -> Document:
    return {**document, "requires": {"variables": [name]}}


async def keep(api: Api, value: Json) -> str:
    name = fresh()
    made = await api.owner.post("/variables", json={"name": name, "value": value, "secret": True})
    assert made.status_code == 201, made.text
    return name


async def test_a_secret_never_comes_back_and_is_the_owners(api: Api) -> None:
    name, value = fresh(), f"hush-{uuid4().hex}"
    body = {"name": name, "value": value, "secret": True}
    problem(await api.editor.post("/variables", json=body), 403, "auth.forbidden")
    made = await api.owner.post("/variables", json=body, headers={"Idempotency-Key": name})
    again = await api.owner.post("/variables", json=body, headers={"Idempotency-Key": name})
    assert (made.status_code, set(made.json()), made.json()["secret"]) == (201, {"name", "secret", "updated_at"}, True)
    assert again.json() == made.json()
    for answer in (
        await api.viewer.get(f"/variables/{name}"),
        await api.owner.get("/variables", params={"limit": 500}),
        await api.owner.put(f"/variables/{name}", json={"value": value + "!"}),
    ):
        assert answer.status_code == 200
        assert value not in answer.text
    assert (await api.viewer.get(f"/variables/{name}")).json()["secret"] is True
    problem(await api.editor.put(f"/variables/{name}", json={"value": "plain"}), 403, "auth.forbidden")
    problem(await api.editor.put(f"/variables/{name}", json={"value": "x", "secret": False}), 403, "auth.forbidden")
    problem(await api.editor.delete(f"/variables/{name}"), 403, "auth.forbidden")
    problem(await api.foreign.put(f"/variables/{name}", json={"value": "x"}), 404, "variable.unknown")
    plain = await api.owner.put(f"/variables/{name}", json={"value": "now plain", "secret": False})
    assert (plain.json()["secret"], plain.json()["value"]) == (False, "now plain")
    assert (await api.editor.delete(f"/variables/{name}")).status_code == 204


async def test_what_could_not_be_hidden_is_no_secret(api: Api) -> None:
    for value in ("short", "     x     ", "", None, True, 12345, {}, {"a": ["abc", None]}, "x" * 9000):
        refused = await api.owner.post("/variables", json={"name": fresh(), "value": value, "secret": True})
        problem(refused, 422, "variable.secret")
        assert "9000" not in refused.text
    assert await keep(api, {"user": "bob", "password": "long enough"})


async def test_an_echo_is_hidden_before_anything_downstream_sees_it(api: Api, http_server: HttpServer) -> None:
    value = f't0p/{uuid4().hex}+"q"'
    name = await keep(api, {"token": value})
    http_server.handle("POST", "/echo", _echo)
    call = step(
        "http.request",
        url=f"{http_server.url}/echo",
        method="POST",
        headers={"Authorization": f"Bearer {{{{ vars.{name}.token }}}}"},
        json={"up": f"{{{{ vars.{name}.token | upper }}}}", "all": f"{{{{ vars.{name} }}}}", "n": 1},
    )
    after = step("core.set", after="call", values={"seen": "{{ steps.call.output }}"})
    document = reading(name, flow({"seen": "{{ steps.after.output }}"}, call=call, after=after))
    run_id = await api.start(await api.create(document))
    ended = await api.end(run_id)
    assert ended["status"] == "succeeded", ended
    sent = http_server.requests[-1]
    assert sent.headers["authorization"] == f"Bearer {value}"
    assert json.loads(sent.body) == {"up": value.upper(), "all": {"token": value}, "n": 1}
    steps = await api.steps(run_id)
    shown = json.dumps([ended, steps])
    assert not any(text in shown.lower() for text in (value[:20].lower(), value.encode().hex(), _b64(value).lower()))
    call = next(one for one in steps if one["step"] == "call")
    given = call["input"]
    assert isinstance(given, dict)
    assert given["headers"] == {"Authorization": "Bearer ***"}
    assert given["json"] == {"up": "***", "all": "***", "n": 1}


async def test_a_failure_is_hidden_too_and_a_retry_reads_the_secret_again(api: Api, http_server: HttpServer) -> None:
    first, second = f"old-{uuid4().hex}", f"new-{uuid4().hex}"
    name = await keep(api, first)

    async def fail(request: Request) -> Answer:
        if request.headers["x-key"] == first:
            changed = await api.owner.put(f"/variables/{name}", json={"value": second})
            assert changed.status_code == 200
            return Answer(503, body=f"no {first}".encode())
        return Answer(404, {"x-seen": second}, f"neither {second} nor {first}".encode())

    http_server.handle("GET", "/fail", fail)
    call = step("http.request", url=f"{http_server.url}/fail", headers={"X-Key": f"{{{{ vars.{name} }}}}"})
    document = reading(name, flow(call={**call, "retry": {"max_attempts": 3, "initial": "0.01s"}}))
    run_id = await api.start(await api.create(document))
    ended = await api.end(run_id)
    steps = await api.steps(run_id)
    assert [one["attempt"] for one in steps] == [1, 2]
    shown = json.dumps([ended, steps])
    assert "neither *** nor ***" in shown
    assert first not in shown
    assert second not in shown


async def test_a_variable_that_becomes_secret_stops_what_would_keep_it(api: Api) -> None:
    name = fresh()
    assert (await api.owner.post("/variables", json={"name": name, "value": "plain for now"})).status_code == 201
    document = reading(name, flow(a=step("core.set", values={"v": f"{{{{ vars.{name} }}}}"})))
    workflow = await api.create(document)
    assert (await api.run(workflow))["status"] == "succeeded"
    secret = f"hush-{uuid4().hex}"
    assert (await api.owner.put(f"/variables/{name}", json={"value": secret, "secret": True})).status_code == 200
    run_id = await api.start(workflow)
    ended = await api.end(run_id)
    assert ended["status"] == "failed"
    assert "secret.misplaced" in json.dumps(ended["error"])
    assert secret not in json.dumps([ended, await api.steps(run_id)])
    refused = await api.owner.post(f"/workflows/{workflow}/deploy", json={})
    assert "secret.misplaced" in refused.text


async def test_modules_that_keep_what_they_get_take_no_secret(api: Api) -> None:
    name = await keep(api, f"hush-{uuid4().hex}")
    reads = f"{{{{ vars.{name} }}}}"
    for inputs in (
        step("kv.set", key="k", value=reads),
        step("queue.enqueue", queue="q", items="{{ [1] }}", data=reads),
        step("core.log", message=reads),
        step("files.write", name="a.txt", content=reads),
        step("data.format", format="csv", rows=[{"a": reads}], file={"name": "a.csv"}),
    ):
        found = await api.owner.post("/validate", json={"document": reading(name, flow(a=inputs))})
        assert "secret.misplaced" in found.text, inputs


async def test_a_test_of_a_workflow_sees_the_shape_only(api: Api) -> None:
    name = await keep(api, {"token": f"hush-{uuid4().hex}"})
    call = step("http.request", url="http://127.0.0.1:9/", headers={"X-Key": f"{{{{ vars.{name}.token }}}}"})
    tests: list[Json] = [
        {"name": "mocked", "mocks": {"a": {"output": {"status": 200}}}, "expect": {"status": "succeeded"}}
    ]
    document = {**reading(name, flow(a=call)), "tests": tests}
    workflow = await api.create(document, deploy=False)
    result = (await api.owner.post(f"/workflows/{workflow}/test", json={})).json()
    assert (result["passed"], result["failed"]) == (1, 0), result
    steps = await api.steps(result["results"][0]["run_id"])
    assert [one["input"]["headers"] for one in steps if isinstance(one["input"], dict)] == [{"X-Key": "***"}]


def _echo(request: Request) -> Answer:
    key = request.headers["authorization"].removeprefix("Bearer ")
    return Answer.of_json(
        {"body": request.body.decode(), "b64": _b64(f"user:{key}"), "hex": key.encode().hex(), key: [key, {"k": key}]},
        200,
        **{"x-echo": base64.urlsafe_b64encode(key.encode()).decode()},
    )


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
