"""Section 4: webhooks, their answers, and waiting for an event."""

from __future__ import annotations

from typing import Any

from tests.fixtures.stack import Ran, Stack, problem


async def only(stack: Stack, module: str, given: object = None, **inputs: object) -> Ran:
    """A run of that one step; what it gave is in its row."""
    document = stack.document("steps: {}", steps={"a": {"module": module, "inputs": inputs}})
    return await stack.run(document, given)


async def gave(stack: Stack, module: str, given: object = None, **inputs: object) -> Any:
    ran = await only(stack, module, given, **inputs)
    assert ran["status"] == "succeeded", ran["error"]
    return ran.row("a")["output"]


async def handle(stack: Stack, module: str, **inputs: object) -> str:
    return (await only(stack, module, **inputs)).row("a")["handle"]


# -- webhooks and answers

HOOK = """
triggers: {hook: {module: webhook.trigger, inputs: {$INPUTS}}}
steps: {$STEPS}
edges: $EDGES
output: {out: "{{ input }}"}
"""


def hook(
    inputs: str = "mode: sync", steps: str = "a: {module: core.log, inputs: {message: m}}", edges: str = "hook > a"
) -> str:
    return HOOK.replace("$INPUTS", inputs).replace("$STEPS", steps).replace("$EDGES", edges)


async def test_a_sync_webhook_answers_with_the_output_or_what_respond_gives(stack: Stack) -> None:
    plain = await stack.hook(await stack.deploy(hook()), json={"n": 1})
    assert (plain.status_code, plain.json()) == (200, {"out": {"n": 1}})
    steps = "a: {module: core.respond, inputs: {status: 201, headers: {x-a: b}, body: {ok: true}}}, w: {module: core.wait, inputs: {duration: 1h}}"
    name = await stack.deploy(hook(steps=steps, edges="hook > a, a > w"))
    answer = await stack.hook(name, json={})
    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (201, {"ok": True}, "b")
    [run] = (await stack.http.get("/runs", params={"workflow": name})).json()["items"]
    await stack.waits(run["run_id"], "timer")  # the run goes on
    row = (await stack.steps(run["run_id"]))[0]
    assert row["output"] == {"delivered": True}
    await stack.http.post(f"/runs/{run['run_id']}/cancel")


async def test_where_nobody_waits_respond_says_so_and_a_second_one_fails(stack: Stack) -> None:
    ran = await only(stack, "core.respond", body=1)
    assert (ran["status"], ran.row("a")["output"]) == ("succeeded", {"delivered": False})
    name = await stack.deploy(hook("mode: async", "a: {module: core.respond, inputs: {body: 1}}"))
    answer = await stack.hook(name, json={})
    assert (answer.status_code, set(answer.json())) == (202, {"run_id"})
    assert (await stack.end(answer.json()["run_id"])).row("a")["output"] == {"delivered": False}
    twice = await stack.deploy(
        hook(
            steps="a: {module: core.respond, inputs: {body: 1}}, b: {module: core.respond, inputs: {body: 2}}",
            edges="hook > a, a > b",
        )
    )
    first = await stack.hook(twice, json={})
    assert (first.status_code, first.json()) == (200, 1)
    [run] = (await stack.http.get("/runs", params={"workflow": twice})).json()["items"]
    assert (await stack.end(run["run_id"])).said == ("failed", "respond.twice")


async def test_sync_answers_of_runs_that_end_otherwise(stack: Stack) -> None:
    failed = problem(
        await stack.hook(
            await stack.deploy(hook(steps="a: {module: core.fail, inputs: {code: x.y, message: m}}")), json={}
        ),
        500,
        "run.failed",
    )
    assert (await stack.get(failed["run_id"]))["status"] == "failed"
    problem(
        await stack.hook(
            await stack.deploy(hook(steps="a: {module: core.stop, inputs: {status: cancelled}}")), json={}
        ),
        409,
        "run.cancelled",
    )
    slow = await stack.deploy(hook("mode: sync, timeout: 300ms", "a: {module: core.wait, inputs: {duration: 800ms}}"))
    late = problem(await stack.hook(slow, json={}), 504, "run.slow")
    assert (await stack.end(late["run_id"]))["status"] == "succeeded"


async def test_webhook_methods_schema_rate_and_unknown_addresses(stack: Stack) -> None:
    name = await stack.deploy(
        hook("mode: async, method: PUT, schema: {type: object, required: [n]}, rate_limit: {count: 2, per: 1h}")
    )
    wrong = problem(await stack.hook(name, json={"n": 1}), 405, "method.not_allowed")
    assert wrong["status"] == 405
    problem(await stack.hook(name, "PUT", json={}), 422, "input.invalid")
    problem(await stack.hook(name, "PUT", trigger="none", json={}), 404, "hook.unknown")
    problem(await stack.hook("no-such-flow", json={}), 404, "hook.unknown")
    codes = [(await stack.hook(name, "PUT", json={"n": 1})).status_code for _ in range(4)]
    assert codes[-1] == 429
    assert 202 in codes


async def test_a_webhook_with_auth_key_takes_a_key_with_the_scope_hook(stack: Stack) -> None:
    name = await stack.deploy(hook("mode: sync, auth: key"))
    made = await stack.http.post("/api-keys", json={"name": "hooks", "role": "viewer", "scopes": ["hook"]})
    assert made.status_code == 201
    key = made.json()["key"]
    bare = (await stack.http.post("/api-keys", json={"name": "bare", "role": "viewer"})).json()["key"]
    assert (await stack.hook(name, json={})).status_code == 401
    assert (await stack.hook(name, json={}, headers={"authorization": "Bearer nonsense"})).status_code == 401
    assert (await stack.hook(name, json={}, headers={"x-api-key": bare})).status_code == 403
    assert (await stack.hook(name, json={}, headers={"authorization": f"Bearer {key}"})).status_code == 200
    assert (await stack.hook(name, json={}, headers={"x-api-key": key})).status_code == 200
    assert key not in str((await stack.http.get("/runs", params={"workflow": name})).json())


async def test_a_webhook_with_the_same_dedupe_key_gets_the_first_answer(stack: Stack) -> None:
    for mode in ("sync", "async"):
        name = await stack.deploy(hook(f"mode: {mode}, dedupe_key: '{{{{ trigger.body.id }}}}'"))
        answers = [await stack.hook(name, json={"id": 7, "n": n}) for n in range(3)]
        assert {answer.text for answer in answers} == {answers[0].text}
        other = await stack.hook(name, json={"id": 8})
        assert other.status_code == answers[0].status_code
        assert len((await stack.http.get("/runs", params={"workflow": name})).json()["items"]) == 2


async def test_a_draft_runs_by_its_hook_only_with_a_key(stack: Stack) -> None:
    name = await stack.create(hook())
    problem(await stack.hook(name, json={}), 404, "hook.unknown")
    assert (await stack.hook(name, json={}, params={"version": "draft"})).status_code == 401
    key = (await stack.http.post("/api-keys", json={"name": "hooks", "role": "viewer", "scopes": ["hook"]})).json()[
        "key"
    ]
    assert (await stack.hook(name, json={"n": 1}, params={"version": "draft"}, headers={"x-api-key": key})).json() == {
        "out": {"n": 1}
    }


async def test_paused_and_deleted_workflows_answer_404_and_410(stack: Stack) -> None:
    name = await stack.deploy(hook())
    await stack.http.patch(f"/workflows/{name}", json={"status": "paused"})
    problem(await stack.hook(name, json={}), 404, "workflow.paused")
    await stack.http.patch(f"/workflows/{name}", json={"status": "active"})
    assert (await stack.hook(name, json={})).status_code == 200
    await stack.http.delete(f"/workflows/{name}")
    problem(await stack.hook(name, json={}), 410, "workflow.deleted")


# -- core.wait_for_event

EVENT = """
steps:
  mail: {module: core.set, inputs: {values: {url: "{{ steps.ask.resume_url }}"}}}
  hold: {module: core.wait, inputs: {duration: 300ms}}
  ask: {module: core.wait_for_event, inputs: {$INPUTS}}
edges: mail > hold, hold > ask
output: "{{ steps.ask.output }}"
"""


async def url_of(stack: Stack, run_id: str) -> str:
    return (await stack.logged(run_id, "mail", "succeeded"))["output"]["url"]


async def test_a_post_that_comes_early_is_kept_and_a_second_is_409(stack: Stack) -> None:
    run_id = await stack.start(await stack.deploy(EVENT.replace("$INPUTS", "").replace("300ms", "1500ms")))
    url = await url_of(stack, run_id)
    shown = await stack.outside.get(url)
    assert shown.status_code == 200  # looking never resumes
    early = await stack.outside.post(url, json={"early": True})
    assert (early.status_code, early.json()) == (200, {"run_id": run_id})
    assert (await stack.outside.post(url, json={})).status_code == 409
    assert (await stack.end(run_id)).said == ("succeeded", {"early": True})


async def test_the_body_is_checked_against_the_schema(stack: Stack) -> None:
    name = await stack.deploy(EVENT.replace("$INPUTS", "schema: {type: object, required: [ok]}"))
    run_id = await stack.start(name)
    wait = await stack.waits(run_id, "event", "ask")
    assert (
        wait["resume_url"]
        == await url_of(stack, run_id)
        == (await stack.logged(run_id, "ask", "waiting"))["resume_url"]
    )
    problem(await stack.outside.post(wait["resume_url"], json={}), 422, "input.invalid")
    form = await stack.outside.post(wait["resume_url"], data={"ok": "yes"})
    assert form.status_code == 200
    assert (await stack.end(run_id))["output"] == {"ok": "yes"}
    assert (await stack.outside.post(wait["resume_url"], json={"ok": 1})).status_code in {409, 410}
    problem(await stack.outside.post("/resume/nonsense", json={}), 404, "resume.unknown")


async def test_after_the_timeout_the_handle_or_the_error(stack: Stack) -> None:
    failed = await stack.run(EVENT.replace("$INPUTS", "timeout: 200ms"))
    assert failed.said == ("failed", "event.timeout")
    text = EVENT.replace("$INPUTS", "timeout: 200ms").replace(
        "edges: mail > hold, hold > ask", 'edges: "mail > hold, hold > ask, ask:timeout > late"'
    )
    ran = await stack.run(
        text.replace("  mail:", "  late: {module: core.set, inputs: {values: {}}}\n  mail:").replace(
            'output: "{{ steps.ask.output }}"', ""
        )
    )
    assert (ran["status"], ran.row("ask")["handle"], ran.statuses["late"]) == ("succeeded", "timeout", "succeeded")
    over = await stack.outside.post(ran.row("mail")["output"]["url"], json={})
    problem(over, 410, "resume.over")


async def test_each_iteration_has_an_address_of_its_own(stack: Stack) -> None:
    name = await stack.deploy("""
steps:
  each: {module: core.for_each, inputs: {items: [a, b], concurrency: 2}}
  ask: {module: core.wait_for_event, parent: each, inputs: {}}
output: "{{ steps.each.output }}"
""")
    run_id = await stack.start(name)
    for path, body in (("each[1].ask", 2), ("each[0].ask", 1)):
        url = (await stack.waits(run_id, "event", path))["resume_url"]
        assert (await stack.outside.post(url, json={"n": body})).status_code == 200
    assert (await stack.end(run_id))["output"] == [{"n": 1}, {"n": 2}]


