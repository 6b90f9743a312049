"""Execution, rules 5, 8 and 9: what a failure, a cancel and a time limit do to what they meet, and what the log calls it."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Ran, Stack

SECONDS = 5.0


def seconds(run: dict[str, str], since: str = "started_at") -> float:
    return (datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run[since])).total_seconds()


async def test_a_failed_step_fails_its_scope_and_siblings_in_flight_are_cancelled(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  outer: {module: core.try}
  slow: {module: core.wait, parent: outer, inputs: {duration: 1h}}
  later: {module: core.set, parent: outer, inputs: {values: {}}}
  soon: {module: core.wait, parent: outer, inputs: {duration: 50ms}}
  bad: {module: core.fail, parent: outer, inputs: {code: my.code, message: why, details: {n: 1}}}
  beside: {module: core.wait, inputs: {duration: 1h}}
edges: slow > later, soon > bad
""")
    assert ran.said == ("failed", "my.code")
    assert ran["output"] is None
    assert ran["error"] == {
        "code": "my.code",
        "message": "why",
        "step": "outer.bad",
        "retryable": False,
        "details": {"n": 1},
    }
    assert ran.statuses["outer.bad"] == "failed"
    assert ran.statuses["outer.slow"] == ran.statuses["beside"] == "cancelled"
    assert ran.statuses.get("outer.later") in {None, "cancelled", "skipped"}
    assert {ran.row("outer")["error"]["code"], ran.row("outer.bad")["error"]["code"]} == {"my.code"}
    assert ran.row("outer")["error"] == ran["error"]


@pytest.mark.parametrize("on_error", ["continue", "branch"])
async def test_a_containers_own_on_error_applies(stack: Stack, on_error: str) -> None:
    ran = await stack.run(f"""
steps:
  each: {{module: core.for_each, on_error: {on_error}, inputs: {{items: [1, 2]}}}}
  bad: {{module: core.fail, parent: each, inputs: {{code: my.code, message: x}}}}
  after: {{module: core.set, inputs: {{values: {{code: "{{{{ steps.each.error.code }}}}", step: "{{{{ steps.each.error.step }}}}"}}}}}}
edges: [{{from: each, handle: {"out" if on_error == "continue" else "error"}, to: after}}]
""")
    assert ran["status"] == "succeeded"
    assert ran.row("after")["output"] == {"code": "my.code", "step": "each[0].bad"}
    assert "each[1].bad" not in ran.statuses


async def test_a_containers_own_retry_applies_to_the_whole_of_it(stack: Stack) -> None:
    stack.web.answer("GET", "/fail/whole", Answer(500), Answer.of_json(7))
    ran = await stack.run("""
steps:
  each: {module: core.for_each, retry: {max_attempts: 2, initial: 10ms, on: [http.500]}, inputs: {items: [1]}}
  first: {module: core.set, parent: each, inputs: {values: {n: "{{ item }}"}}}
  get: {module: http.request, parent: each, retry: {max_attempts: 1}, inputs: {url: "$WEB/fail/whole"}}
edges: first > get
output: "{{ steps.each.output[0].body }}"
""")
    assert ran.said == ("succeeded", 7)
    assert [row["status"] for row in ran.attempts("each")] == ["failed", "succeeded"]
    assert ran.row("each[0].get")["status"] == "succeeded"
    assert len({(row["path"], row["attempt"]) for row in ran.rows}) == len(ran.rows)


async def test_a_containers_timeout_is_of_the_whole(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  t: {module: core.try, timeout: 300ms}
  one: {module: core.wait, parent: t, inputs: {duration: 200ms}}
  two: {module: core.wait, parent: t, inputs: {duration: 200ms}}
  end: {module: core.set, parent: t, slot: finally, inputs: {values: {}}}
edges: one > two
""")
    assert ran["status"] == "failed"
    assert ran["error"]["code"].endswith(".timeout")
    assert (ran.statuses["t.one"], ran.statuses["t.two"]) == ("succeeded", "cancelled")


TRY = """
steps:
  t: {module: core.try}
  a: {module: core.set, parent: t, inputs: {values: {n: 1}}}
  b: {module: core.assert, parent: t, inputs: {condition: "{{ input.good }}", message: bad}}
  caught: {module: core.set, parent: t, slot: catch, inputs: {values: {code: "{{ error.code }}", step: "{{ error.step }}",
           message: "{{ error.message }}", a: "{{ steps.a.output.n }}"}}}
  last: {module: core.set, parent: t, slot: finally, inputs: {values: {error: "{{ error }}", a: "{{ steps.a.status }}"}}}
  after: {module: core.set, inputs: {values: {inner: "{{ steps.a.output.n }}"}}}
edges: a > b, t > after
output: "{{ steps.t.output }}"
"""


async def test_catch_sees_the_error_and_finally_always_runs(stack: Stack) -> None:
    name = await stack.deploy(TRY)
    good = await stack.again(name, {"good": True})
    assert good["output"] == {"status": "succeeded", "error": None, "output": None}
    assert good.statuses == {
        "t": "succeeded",
        "t.a": "succeeded",
        "t.b": "succeeded",
        "t.last": "succeeded",
        "after": "succeeded",
    } | ({"t.caught": "skipped"} if "t.caught" in good.statuses else {})
    assert good.row("t.last")["output"] == {"error": None, "a": "succeeded"}
    bad = await stack.again(name, {"good": False})
    assert bad["status"] == "succeeded"
    caught = {"code": "assert.failed", "step": "t.b", "message": "bad", "a": 1}
    assert bad["output"]["status"] == "caught"
    assert bad["output"]["error"]["code"] == "assert.failed"
    assert bad["output"]["output"] == caught
    assert bad.row("t.caught")["output"] == caught
    assert bad.row("t.last")["status"] == "succeeded"
    assert bad.row("after")["output"] == {"inner": 1}


async def test_without_a_catch_slot_the_try_fails_after_finally(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  t: {module: core.try}
  bad: {module: core.fail, parent: t, inputs: {code: my.code, message: x}}
  last: {module: core.set, parent: t, slot: finally, inputs: {values: {error: "{{ error.code }}"}}}
""")
    assert ran.said == ("failed", "my.code")
    assert ran.row("t.last")["output"] == {"error": "my.code"}


async def test_an_error_in_catch_replaces_the_first_and_finally_still_runs(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  t: {module: core.try}
  bad: {module: core.fail, parent: t, inputs: {code: the.first, message: x}}
  worse: {module: core.fail, parent: t, slot: catch, inputs: {code: the.second, message: "{{ error.code }}"}}
  last: {module: core.set, parent: t, slot: finally, inputs: {values: {}}}
""")
    assert ran.said == ("failed", "the.second")
    assert ran["error"]["message"] == "the.first"
    assert ran.statuses["t.last"] == "succeeded"


STOP = """
steps:
  t: {module: core.try}
  each: {module: core.for_each, parent: t, inputs: {items: [1, 2]}}
  slow: {module: core.wait, parent: t, inputs: {duration: 1h}}
  stop: {module: core.stop, parent: each, inputs: {status: "$STATUS", output: {early: "{{ item }}"}}}
  caught: {module: core.set, parent: t, slot: catch, inputs: {values: {}}}
  last: {module: core.set, parent: t, slot: finally, inputs: {values: {error: "{{ error }}"}}}
  beside: {module: core.wait, inputs: {duration: 1h}}
  after: {module: core.set, inputs: {values: {}}}
edges: t > after
output: {late: true}
"""


@pytest.mark.parametrize("status", ["succeeded", "cancelled"])
async def test_stop_ends_the_run_from_any_depth_and_runs_finally_never_catch(stack: Stack, status: str) -> None:
    ran = await stack.run(STOP.replace("$STATUS", status))
    assert (ran["status"], ran["output"], ran["error"]) == (status, {"early": 1}, None)
    assert ran.statuses["t.last"] == "succeeded"
    assert ran.row("t.last")["output"] == {"error": None}
    assert ran.statuses["beside"] == ran.statuses["t.slow"] == "cancelled"
    assert ran.statuses.get("t.caught") in {None, "skipped"}
    assert "after" not in ran.statuses or ran.statuses["after"] == "skipped"


async def test_stop_in_a_child_ends_the_child_only(stack: Stack) -> None:
    child = await stack.deploy(
        "steps: {s: {module: core.stop, inputs: {status: succeeded, output: early}}}\noutput: late"
    )
    ran = await stack.run(
        f"steps: {{c: {{module: core.subworkflow, inputs: {{workflow: {child}}}}}}}\noutput: ['{{{{ steps.c.output }}}}', mine]"
    )
    assert ran.said == ("succeeded", ["early", "mine"])


GUARDED = """
settings: {finally_timeout: 2s, $MORE}
steps:
  t: {module: core.try}
  hold: {module: core.wait, parent: t, inputs: {duration: 1h}}
  caught: {module: core.set, parent: t, slot: catch, inputs: {values: {}}}
  clean: {module: core.set, parent: t, slot: finally, inputs: {values: {error: "{{ error }}", hold: "{{ steps.hold.status }}"}}}
  after: {module: core.set, inputs: {values: {}}}
edges: t > after
"""


async def cancelled(stack: Stack, run_id: str) -> Ran:
    answer = await stack.http.post(f"/runs/{run_id}/cancel")
    assert answer.status_code in {200, 202}, answer.text
    return await stack.end(run_id)


async def test_cancel_tells_steps_in_flight_and_runs_finally_never_catch(stack: Stack) -> None:
    run_id = await stack.start(await stack.deploy(GUARDED.replace("$MORE", "")))
    await stack.waits(run_id, "timer", "t.hold")
    ran = await cancelled(stack, run_id)
    assert ran["status"] == "cancelled"
    assert ran.statuses["t.hold"] == "cancelled"
    assert ran.row("t.clean")["output"]["hold"] == "cancelled"
    assert ran.statuses.get("t.caught") in {None, "skipped"}
    assert ran.statuses.get("after") in {None, "skipped", "cancelled"}
    assert seconds(ran.run, "cancel_requested_at") < SECONDS


async def test_a_run_time_out_does_the_same_and_ends_timed_out(stack: Stack) -> None:
    ran = await stack.run(GUARDED.replace("$MORE", "timeout: 300ms"))
    assert ran.said == ("timed_out", "run.timeout")
    assert ran.statuses["t.clean"] == "succeeded"
    assert ran.statuses["t.hold"] == "cancelled"
    assert ran.statuses.get("t.caught") in {None, "skipped"}
    assert 0.3 <= seconds(ran.run) < 0.3 + SECONDS


@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_finally_gets_its_own_time_and_no_more(stack: Stack, how: str) -> None:
    text = GUARDED.replace("finally_timeout: 2s", "finally_timeout: 300ms").replace(
        "$MORE", "timeout: 300ms" if how == "timeout" else ""
    )
    text = text.replace(
        "after:", "stuck: {module: core.wait, parent: t, slot: finally, inputs: {duration: 1h}}\n  after:"
    )
    run_id = await stack.start(await stack.deploy(text))
    if how == "cancel":
        await stack.waits(run_id, "timer", "t.hold")
        ran = await cancelled(stack, run_id)
    else:
        ran = await stack.end(run_id)
    assert ran["status"] == {"cancel": "cancelled", "timeout": "timed_out"}[how]
    assert (ran.statuses["t.clean"], ran.statuses["t.stuck"]) == ("succeeded", "cancelled")
    assert seconds(ran.run) < 60


async def test_a_step_that_calls_is_told_at_once(stack: Stack) -> None:
    gate = asyncio.Event()

    async def held(_: object) -> Answer:
        await gate.wait()
        return Answer(200)

    for method in ("GET", "POST"):
        stack.web.handle(method, "/fail/held", held)
    run_id = await stack.start(
        await stack.deploy("""
steps:
  get: {module: http.request, timeout: 10m, inputs: {url: "$WEB/fail/held"}}
  post: {module: http.request, timeout: 10m, inputs: {method: POST, url: "$WEB/fail/held"}}
""")
    )
    await stack.comes("/fail/held", 2)
    ran = await cancelled(stack, run_id)
    gate.set()
    assert ran["status"] == "cancelled"
    assert ran.statuses == {"get": "cancelled", "post": "cancelled"}
    assert seconds(ran.run, "cancel_requested_at") < SECONDS


async def test_cancel_of_a_waiting_queued_or_ended_run(stack: Stack) -> None:
    name = await stack.deploy(
        "settings: {max_concurrent_runs: 1}\nsteps: {w: {module: core.wait_for_event, inputs: {}}}"
    )
    first, second = await stack.start(name), await stack.start(name)
    await stack.waits(second, "cap")
    queued = await cancelled(stack, second)
    assert (queued["status"], queued["started_at"], queued.rows) == ("cancelled", None, [])
    await stack.waits(first, "event")
    assert (await cancelled(stack, first)).statuses == {"w": "cancelled"}
    again = await stack.http.post(f"/runs/{first}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


async def test_paths_name_containers_with_the_index_and_no_slots(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  outer: {module: core.for_each, inputs: {items: [a, b]}}
  t: {module: core.try, parent: outer}
  inner: {module: core.for_each, parent: t, inputs: {items: [1]}}
  leaf: {module: core.set, parent: inner, inputs: {values: {}}}
  done: {module: core.set, parent: t, slot: finally, inputs: {values: {}}}
  w: {module: core.while, inputs: {condition: "{{ index < 2 }}"}}
  turn: {module: core.set, parent: w, inputs: {values: {}}}
""")
    assert set(ran.statuses) == {
        "outer",
        *(f"outer[{n}].{rest}" for n in (0, 1) for rest in ("t", "t.inner", "t.inner[0].leaf", "t.done")),
        "w",
        "w[0].turn",
        "w[1].turn",
    }
    assert len(ran.rows) == len(ran.statuses)  # a container has one row, its iterations none
    assert (ran.row("outer[1].t.inner[0].leaf")["step"], ran.row("outer[1].t")["step"]) == ("leaf", "t")
