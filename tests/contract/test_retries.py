"""Execution, rules 6 and 7: retries, and the keys by which targets know a repeated effect."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Ran, Stack

OK = Answer.of_json({})


async def call(stack: Stack, path: str, *answers: Answer, method: str = "GET", step: str = "") -> Ran:
    stack.web.answer(method, path, *answers)
    body = ", json: {}" if method in {"POST", "PUT", "PATCH"} else ""
    return await stack.run(
        f"steps: {{a: {{module: http.request{step}, inputs: {{method: {method}, url: $WEB{path}{body}}}}}}}"
    )


def wait_s(ran: Ran, number: int) -> float:
    """From the end of an attempt to the moment for which the next was planned."""
    row = ran.attempts("a")[number]
    return (datetime.fromisoformat(row["retry_at"]) - datetime.fromisoformat(row["finished_at"])).total_seconds()


@pytest.mark.parametrize(
    ("method", "attempts"),
    [("GET", 3), ("HEAD", 3), ("OPTIONS", 3), ("PUT", 3), ("DELETE", 3), ("POST", 1), ("PATCH", 1)],
)
async def test_three_attempts_by_default_but_for_writes_that_are_not_idempotent(
    stack: Stack, method: str, attempts: int
) -> None:
    path = f"/retry/defaults/{method}"
    ran = await call(stack, path, Answer(503), method=method, step=", retry: {initial: 10ms}")
    assert ran.said == ("failed", "http.503")
    assert [(row["attempt"], row["status"]) for row in ran.rows] == [(n + 1, "failed") for n in range(attempts)]
    assert len(stack.asked(path)) == attempts


async def test_pure_modules_are_tried_three_times_only_for_what_is_retryable(stack: Stack) -> None:
    ran = await stack.run("steps: {a: {module: core.fail, inputs: {code: my.code, message: x}}}")
    assert len(ran.rows) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_retryable_answers(stack: Stack, status: int) -> None:
    ran = await call(stack, f"/retry/status/{status}", Answer(status), OK, step=", retry: {initial: 10ms}")
    assert ran["status"] == "succeeded"
    assert [row["status"] for row in ran.rows] == ["failed", "succeeded"]
    assert ran.rows[0]["error"]["code"] == f"http.{status}"
    assert ran.rows[0]["error"]["retryable"] is True


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 451])
async def test_other_4xx_are_never_tried_again(stack: Stack, status: int) -> None:
    ran = await call(
        stack, f"/retry/never/{status}", Answer(status), OK, step=", retry: {max_attempts: 5, initial: 10ms}"
    )
    assert ran.said == ("failed", f"http.{status}")
    assert (len(ran.rows), ran["error"]["retryable"]) == (1, False)


async def test_refused_connections_and_timeouts_are_tried_again(stack: Stack) -> None:
    with socket.socket() as taken:  # bound and not listening: it stays refused while it is held
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        refused = await stack.run(f"steps: {{a: {{module: http.request, retry: {{initial: 10ms}}, inputs: {{url: '{url}'}}}}}}")
    assert refused.said == ("failed", "http.connect")
    assert len(refused.rows) == 3

    async def silent(_: object) -> bytes:
        await asyncio.sleep(30)
        return b""

    stack.web.handle("GET", "/retry/silent", silent)
    slow = await stack.run(
        'steps: {a: {module: http.request, timeout: 200ms, retry: {max_attempts: 2, initial: 10ms}, inputs: {url: "$WEB/retry/silent"}}}'
    )
    assert slow.said == ("failed", "http.timeout")
    assert len(slow.rows) == 2


async def test_expression_and_input_errors_are_never_tried_again(stack: Stack) -> None:
    ran = await stack.run(
        'steps: {a: {module: http.request, retry: {max_attempts: 5}, inputs: {url: "{{ input.none }}"}}}', {}
    )
    assert ran.said == ("failed", "expression.undefined")
    assert len(ran.rows) == 1
    bad = await stack.run(
        'steps: {a: {module: http.request, retry: {max_attempts: 5}, inputs: {url: "{{ input.url }}"}}}', {"url": 7}
    )
    assert (bad.said, len(bad.rows)) == (("failed", "input.invalid"), 1)


async def test_on_replaces_the_list_and_never_on_takes_from_it(stack: Stack) -> None:
    on = await call(stack, "/retry/on", Answer(404), OK, step=', retry: {initial: 10ms, on: ["http.4*"]}')
    assert (on["status"], len(on.rows)) == ("succeeded", 2)
    replaced = await call(stack, "/retry/replaced", Answer(503), OK, step=', retry: {initial: 10ms, on: ["http.404"]}')
    assert (replaced.said, len(replaced.rows)) == (("failed", "http.503"), 1)
    never = await call(
        stack, "/retry/never_on", Answer(503), OK, step=', retry: {initial: 10ms, never_on: ["http.503"]}'
    )
    assert (never.said, len(never.rows)) == (("failed", "http.503"), 1)
    own = await stack.run(
        'steps: {a: {module: core.fail, retry: {max_attempts: 2, initial: 10ms, on: ["my.*"]}, inputs: {code: my.code, message: x}}}'
    )
    assert len(own.rows) == 2


async def test_a_write_is_tried_as_often_as_it_says(stack: Stack) -> None:
    ran = await call(
        stack,
        "/retry/post",
        Answer(503),
        Answer(503),
        OK,
        method="POST",
        step=", retry: {max_attempts: 3, initial: 10ms}",
    )
    assert (ran["status"], len(ran.rows)) == ("succeeded", 3)


async def test_the_waits_grow_by_backoff_up_to_max_interval_with_jitter(stack: Stack) -> None:
    usual = await call(stack, "/retry/usual", Answer(503), OK)
    assert 0.79 <= wait_s(usual, 0) <= 1.21  # initial 1s, jitter 0.2
    own = await call(
        stack,
        "/retry/backoff",
        Answer(503),
        step=", retry: {max_attempts: 5, initial: 20ms, backoff: 3, max_interval: 100ms, jitter: 0}",
    )
    assert [round(wait_s(own, number), 2) for number in range(4)] == [0.02, 0.06, 0.1, 0.1]
    assert own.rows[-1]["retry_at"] is None


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured_also_beyond_max_interval(stack: Stack, status: int) -> None:
    ran = await call(
        stack,
        f"/retry/after/{status}",
        Answer(status, {"retry-after": "1"}),
        OK,
        step=", retry: {initial: 10ms, max_interval: 10ms}",
    )
    assert ran["status"] == "succeeded"
    assert 0.95 <= wait_s(ran, 0) <= 1.5
    first, second = ran.rows
    assert datetime.fromisoformat(second["started_at"]) >= datetime.fromisoformat(first["retry_at"])


async def test_a_run_that_waits_for_an_attempt_says_so(stack: Stack) -> None:
    stack.web.answer("GET", "/retry/waits", Answer(503, {"retry-after": "3600"}))
    run_id = await stack.start(
        await stack.deploy('steps: {a: {module: http.request, inputs: {url: "$WEB/retry/waits"}}}')
    )
    waits = await stack.waits(run_id, "retry", "a")
    assert datetime.fromisoformat(waits["until"]).timestamp() > datetime.now(UTC).timestamp() + 3000
    await stack.when(run_id, lambda run: run["status"] == "waiting")
    assert (await stack.http.post(f"/runs/{run_id}/cancel")).status_code in {200, 202}
    assert (await stack.end(run_id))["status"] == "cancelled"


# -- rule 7


def keys(stack: Stack, path: str) -> list[str | None]:
    return [request.headers.get("idempotency-key") for request in stack.asked(path)]


async def test_each_write_carries_origin_and_path_the_same_on_each_retry(stack: Stack) -> None:
    stack.web.answer("POST", "/keys/post", Answer(503), OK)
    for method in ("PUT", "PATCH", "DELETE", "GET"):
        stack.web.answer(method, f"/keys/{method.lower()}", OK)
    ran = await stack.run("""
steps:
  each: {module: core.for_each, inputs: {items: [1]}}
  post: {module: http.request, parent: each, retry: {max_attempts: 2, initial: 10ms}, inputs: {method: POST, url: "$WEB/keys/post", json: 1}}
  put: {module: http.request, inputs: {method: PUT, url: "$WEB/keys/put", json: 1}}
  patch: {module: http.request, inputs: {method: PATCH, url: "$WEB/keys/patch", json: 1}}
  delete: {module: http.request, inputs: {method: DELETE, url: "$WEB/keys/delete"}}
  get: {module: http.request, inputs: {url: "$WEB/keys/get"}}
""")
    assert ran["status"] == "succeeded"
    assert keys(stack, "/keys/post") == [f"{ran['run_id']}:each[0].post"] * 2
    for method in ("put", "patch", "delete"):
        assert keys(stack, f"/keys/{method}") == [f"{ran['run_id']}:{method}"]
        assert ran.row(method)["idempotency_key"] == f"{ran['run_id']}:{method}"
    assert keys(stack, "/keys/get") == [None]


async def test_a_header_set_by_the_author_wins(stack: Stack) -> None:
    stack.web.answer("POST", "/keys/own", OK)
    await stack.run(
        'steps: {a: {module: http.request, inputs: {method: POST, url: "$WEB/keys/own", headers: {idempotency-KEY: "mine-{{ input }}"}}}}',
        7,
    )
    assert keys(stack, "/keys/own") == ["mine-7"]


async def test_a_childs_origin_is_its_parents_key(stack: Stack) -> None:
    stack.web.answer("POST", "/keys/child", OK)
    child = await stack.deploy('steps: {post: {module: http.request, inputs: {method: POST, url: "$WEB/keys/child"}}}')
    ran = await stack.run(f"steps: {{call: {{module: core.subworkflow, inputs: {{workflow: {child}}}}}}}")
    assert keys(stack, "/keys/child") == [f"{ran['run_id']}:call:post"]


@pytest.mark.parametrize("same", [False, True])
async def test_a_replay_has_a_new_origin_unless_it_asks_for_the_same_keys(stack: Stack, same: bool) -> None:
    path = f"/keys/replay/{same}".lower()
    stack.web.answer("POST", path, OK)
    ran = await stack.run(f'steps: {{post: {{module: http.request, inputs: {{method: POST, url: "$WEB{path}"}}}}}}')
    asked: dict[str, Any] = {"keys": "same"} if same else {}
    again = await stack.http.post(f"/runs/{ran['run_id']}/replay", json=asked)
    assert again.status_code == 202
    new = await stack.end(again.json()["run_id"])
    assert (new["status"], new["replay_of"]) == ("succeeded", ran["run_id"])
    origin = ran["run_id"] if same else new["run_id"]
    assert keys(stack, path) == [f"{ran['run_id']}:post", f"{origin}:post"]
    if same:  # also a replay of the replay
        third = await stack.http.post(f"/runs/{new['run_id']}/replay", json=asked)
        await stack.end(third.json()["run_id"])
        assert keys(stack, path)[-1] == f"{ran['run_id']}:post"
