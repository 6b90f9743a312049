"""Section 5: what is too large is a finding, a 413 or a clear error, and what is just small enough works."""

from __future__ import annotations

import asyncio
import json

import httpx

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Document, Stack, problem

MB = 2**20
SET: Document = {"module": "core.set", "version": 1, "inputs": {"values": {}}}


def codes(findings: list[Document]) -> list[str]:
    return [one["code"] for one in findings if one["severity"] == "error"]


async def test_a_document_has_at_most_1_mb(stack: Stack) -> None:
    for size, expected in ((MB - 10_000, []), (MB + 10, ["limit.size"])):
        assert codes(await stack.findings("steps: {}", description="x" * 100, output="x" * size)) == expected
    problem(
        await stack.http.post("/workflows", json={"document": stack.document("steps: {}", output="x" * (MB + 10))}),
        413,
        "limit.size",
    )


async def test_a_document_has_at_most_1000_steps(stack: Stack) -> None:
    for count, expected in ((1000, []), (1001, ["limit.steps"])):
        assert (
            codes(await stack.findings(stack.document("steps: {}", steps={f"s{n}": SET for n in range(count)})))
            == expected
        )


async def test_a_thousand_steps_run(stack: Stack) -> None:
    steps = {f"s{n}": SET for n in range(1000)}
    edges = [{"from": f"s{n}", "to": f"s{n + 1}"} for n in range(999)]
    ran = await stack.run(stack.document("steps: {}", steps=steps, edges=edges, output="{{ steps.s999.status }}"))
    assert ran.said == ("succeeded", "succeeded")


async def test_containers_nest_8_deep(stack: Stack) -> None:
    def nested(depth: int) -> Document:
        steps: Document = {
            f"t{n}": {"module": "core.try", "version": 1, **({"parent": f"t{n - 1}"} if n else {})}
            for n in range(depth)
        }
        steps["leaf"] = {**SET, "parent": f"t{depth - 1}"}
        return stack.document("steps: {}", steps=steps)

    assert codes(await stack.findings(nested(8))) == []
    assert codes(await stack.findings(nested(9))) == ["limit.nesting"]
    assert (await stack.run(nested(8))).statuses["t0.t1.t2.t3.t4.t5.t6.t7.leaf"] == "succeeded"


HOOK = """
triggers: {hook: {module: webhook.trigger, inputs: {mode: sync, timeout: 60s}}}
steps: {a: {module: core.set, inputs: {values: {n: "{{ trigger.body.text | length }}"}}}}
edges: hook > a
output: "{{ steps.a.output.n }}"
"""


async def test_a_body_of_20_mb_works_and_a_larger_one_gets_413(stack: Stack) -> None:
    name = await stack.deploy(HOOK)
    size = 20 * MB - 100
    good = await stack.hook(name, json={"text": "x" * size})
    assert (good.status_code, good.json()) == (200, size)
    bad = await stack.hook(
        name, content=b'{"text": "' + b"x" * (20 * MB) + b'"}', headers={"content-type": "application/json"}
    )
    assert bad.status_code == 413
    api = await stack.post(name, {"text": "x" * (20 * MB)}, trigger_id="hook")
    assert api.status_code == 413


async def test_a_large_value_is_kept_by_reference_from_256_kib_on(stack: Stack) -> None:
    small, large = "x" * (256 * 1024 - 100), "x" * (256 * 1024 + 100)
    ran = await stack.run(
        "steps: {s: {module: core.set, inputs: {values: {v: '{{ input.s }}'}}}, l: {module: core.set, inputs: {values: {v: '{{ input.l }}'}}}}",
        {"s": small, "l": large},
    )
    assert ran.row("s")["output"] == {"v": small}
    shown = ran.row("l")["output"]
    ref = shown if "$ref" in shown else shown["v"]
    assert set(ref) == {"$ref", "size", "type"}
    data = await stack.http.get(f"/runs/{ran['run_id']}/payloads/{ref['$ref']}")
    assert data.status_code == 200
    assert data.json() in ({"v": large}, large)


async def test_outputs_over_20_mb_are_a_clear_error(stack: Stack) -> None:
    # what is only handed on stays by reference and costs nothing; where the whole is needed, it is too large
    ran = await stack.run(
        """
steps:
  a: {module: core.set, inputs: {values: {a: "{{ input }}", b: "{{ input }}", c: "{{ input }}"}}}
  b: {module: http.request, inputs: {method: PUT, url: "$WEB/limits/none", json: "{{ steps.a.output }}"}}
edges: a > b
""",
        "x" * (8 * MB),
    )
    assert ran.said == ("failed", "payload.too_large")
    assert (ran["error"]["step"], stack.asked("/limits/none")) == ("b", [])
    stack.web.answer("GET", "/limits/large", Answer(200, {"content-type": "text/plain"}, b"x" * (20 * MB + 100)))
    http = await stack.run('steps: {a: {module: http.request, inputs: {url: "$WEB/limits/large"}}}')
    assert http.said == ("failed", "payload.too_large")


async def test_an_answer_of_many_megabytes_works(stack: Stack) -> None:
    stack.web.answer("GET", "/limits/fits", Answer(200, {"content-type": "text/plain"}, b"x" * (8 * MB)))
    ran = await stack.run("""
steps: {a: {module: http.request, inputs: {url: "$WEB/limits/fits"}}}
output: "{{ steps.a.output.body | length }}"
""")
    assert ran.said == ("succeeded", 8 * MB)


async def test_a_call_waits_as_long_as_it_says_and_at_most_300_s(stack: Stack) -> None:
    name = await stack.deploy("steps: {w: {module: core.wait, inputs: {duration: 2s}}}")
    assert (await stack.post(name)).status_code == 202
    early = await stack.post(name, wait=1)
    assert (early.status_code, early.json()["status"]) == (202, "waiting")
    assert (await stack.post(name, wait=30)).status_code == 200
    problem(await stack.post(name, wait=301), 422, "request.invalid")
    problem(await stack.post(name, wait=-1), 422, "request.invalid")


# -- bad input, which no size is needed for


async def test_malformed_bodies_are_400(stack: Stack) -> None:
    headers = {"content-type": "application/json"}
    for body in (b"{", b"", b"[1,]", b"nul", b'{"a": 1} x', b"\xff\xfe", b'{"document": NaN}', b"[" * 5000):
        answer = await stack.http.post("/workflows", content=body, headers=headers)
        assert answer.status_code in {400, 422}, body
    name = await stack.deploy(HOOK)
    for body in (b"{", b'{"text": NaN}', b"[" * 100_000, b"\xff"):
        assert (await stack.hook(name, content=body, headers=headers)).status_code == 400, body


async def test_text_that_few_can_hold_survives_to_the_log_and_back(stack: Stack) -> None:
    name = await stack.deploy(
        "steps: {a: {module: core.set, inputs: {values: '{{ input }}'}}}\noutput: '{{ steps.a.output }}'".replace(
            "values: '{{ input }}'", "values: {v: '{{ input.v }}'}"
        )
    )
    for text in ('"a\\u0000b"', '"\\ud800"', '"\\udc00x\\ud800"', '"\\ud83d\\ude00 é ߷"'):
        answer = await stack.http.post(
            f"/workflows/{name}/runs",
            content=f'{{"input": {{"v": {text}}}, "wait": 30}}',
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 200, answer.text
        rows = await stack.http.get(f"/runs/{answer.json()['run_id']}/steps")
        assert rows.json()["items"][0]["output"] == {"v": json.loads(text)}
        assert answer.json()["output"] == {"v": json.loads(text)}


async def test_depth_is_limited_with_a_clear_answer(stack: Stack) -> None:
    name = await stack.deploy("steps: {a: {module: core.set, inputs: {values: {v: '{{ input }}'}}}}")
    for depth, good in ((100, True), (5_000, False)):
        body = '{"input": ' + "[" * depth + "]" * depth + ', "wait": 30}'
        answer = await stack.http.post(
            f"/workflows/{name}/runs", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == (200 if good else 400)
        if good:
            assert answer.json()["status"] == "succeeded"


async def test_many_requests_at_once_are_all_taken(stack: Stack) -> None:
    name = await stack.deploy(HOOK)
    answers: list[httpx.Response] = await asyncio.gather(*[stack.hook(name, json={"text": "x" * n}) for n in range(60)])
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, n) for n in range(60)]
