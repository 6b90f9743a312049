"""Calls of modules from a run: what goes out, what comes back, what the log says, whatever the size."""

from __future__ import annotations

import asyncio

import pytest

from engine.activities.stored import IN_LOG, INLINE
from engine.expressions.values import Json
from tests.fixtures.carrier import Carrier
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer, Request


def get(server: HttpServer, path: str, /, **inputs: Json) -> dict[str, Json]:
    return step("http.request", method="GET", url=f"{server.url}{path}", **inputs)


def post(server: HttpServer, path: str, /, **more: Json) -> dict[str, Json]:
    made = step("http.request", method="POST", url=f"{server.url}{path}", json={"id": "{{ input }}"})
    return made | more


async def test_a_read_goes_out_once_and_its_row_tells_all(carrier: Carrier, http_server: HttpServer) -> None:
    http_server.answer("GET", "/a", Answer.of_json({"n": 1}))
    run = await carrier.run(flow("{{ steps.a.output.body.n }}", a=get(http_server, "/a")))
    assert run.output == 1
    (row,) = await carrier.steps(str(run.run_id))
    assert (row.status, row.attempt, row.handle) == ("succeeded", 1, "out")
    assert isinstance(row.input, dict)
    assert row.input["url"] == f"{http_server.url}/a"
    assert len(http_server.requests) == 1


async def test_a_write_carries_the_runs_key_and_shows_while_it_is_under_way(
    carrier: Carrier, http_server: HttpServer
) -> None:
    let_go = asyncio.Event()

    async def slow(request: Request) -> Answer:
        await let_go.wait()
        return Answer.of_json({})

    http_server.handle("POST", "/orders", slow)
    run_id = await carrier.start(flow(p=post(http_server, "/orders")), 7)

    async def under_way(row: object) -> bool:
        return [step.status for step in await carrier.steps(run_id)] == ["running"]

    await carrier.until(run_id, under_way)
    let_go.set()
    assert (await carrier.end(run_id)).status == "succeeded"
    (row,) = await carrier.steps(run_id)
    assert row.idempotency_key == f"{run_id}:p"
    assert [request.headers["idempotency-key"] for request in http_server.requests] == [f"{run_id}:p"]


async def test_a_read_that_takes_long_is_made_once(carrier: Carrier, http_server: HttpServer) -> None:
    let_go = asyncio.Event()

    async def slow(request: Request) -> Answer:
        await let_go.wait()
        return Answer.of_json("done")

    http_server.handle("GET", "/slow", slow)
    document = flow(
        "{{ steps.s.output.body }}", a=step("core.set", values={"x": 1}), s=get(http_server, "/slow") | {"_after": "a"}
    )
    run_id = await carrier.start(document)

    async def shown(row: object) -> bool:
        return [step.status for step in await carrier.steps(run_id)] == ["succeeded", "running"]

    await carrier.until(run_id, shown)
    let_go.set()
    run = await carrier.end(run_id)
    assert (run.status, run.output) == ("succeeded", "done")
    assert len(http_server.requests) == 1
    assert [(row.path, row.attempt, row.status) for row in await carrier.steps(run_id)] == [
        ("a", 1, "succeeded"),
        ("s", 1, "succeeded"),
    ]


async def test_failures_are_tried_again_under_one_key(carrier: Carrier, http_server: HttpServer) -> None:
    http_server.answer("PUT", "/x", Answer(503), Answer(503), Answer.of_json("ok"))
    put = step("http.request", method="PUT", url=f"{http_server.url}/x", json={}) | {"retry": {"initial": "0.05s"}}
    run = await carrier.run(flow("{{ steps.p.output.body }}", p=put))
    assert run.output == "ok"
    rows = await carrier.steps(str(run.run_id))
    assert [(row.attempt, row.status, row.retry_at is not None) for row in rows] == [
        (1, "failed", True),
        (2, "failed", True),
        (3, "succeeded", False),
    ]
    assert len({request.headers["idempotency-key"] for request in http_server.requests}) == 1


async def test_a_refusal_fails_the_run_with_its_code(carrier: Carrier, http_server: HttpServer) -> None:
    http_server.answer("POST", "/x", Answer.of_json({"why": "no"}, status=422))
    run = await carrier.run(flow(p=post(http_server, "/x")), 1)
    assert run.status == "failed"
    assert isinstance(run.error, dict)
    assert (run.error["code"], run.error["step"]) == ("http.422", "p")


async def test_inputs_that_do_not_fit_never_reach_the_module(carrier: Carrier, http_server: HttpServer) -> None:
    run = await carrier.run(flow(p=step("http.request", method="{{ input }}", url=http_server.url)), {"no": "text"})
    assert isinstance(run.error, dict)
    assert run.error["code"] == "input.invalid"
    assert http_server.requests == []


async def test_a_missing_name_is_told_with_the_nearest(carrier: Carrier, http_server: HttpServer) -> None:
    run = await carrier.run(flow(p=step("http.request", url="{{ input.adress }}")), {"address": http_server.url})
    assert isinstance(run.error, dict)
    assert run.error["code"] == "expression.undefined"
    assert "address" in str(run.error)


@pytest.mark.parametrize(
    "size", [0, INLINE - 2, INLINE - 1, INLINE, IN_LOG - 2, IN_LOG - 1, IN_LOG, 2 * 2**20, 19 * 2**20]
)
async def test_answers_of_every_size_come_through(carrier: Carrier, http_server: HttpServer, size: int) -> None:
    text = "x" * size
    http_server.answer("GET", "/big", Answer(200, {"content-type": "text/plain"}, text.encode()))
    document = flow(
        {
            "length": "{{ steps.a.output.body | default('', true) | length }}",
            "copy": "{{ steps.b.output.v | default('', true) | length }}",
        },
        a=get(http_server, "/big", response="text"),
        b=step("core.set", values={"v": "{{ steps.a.output.body }}"}, after="a"),
    )
    run = await carrier.run(document)
    assert run.error is None
    assert run.output == {"length": size, "copy": size}


async def test_an_answer_over_the_limit_is_a_clear_error(carrier: Carrier, http_server: HttpServer) -> None:
    http_server.answer("GET", "/big", Answer(200, {"content-type": "text/plain"}, b"x" * (20 * 2**20)))
    run = await carrier.run(flow(a=get(http_server, "/big")))
    assert isinstance(run.error, dict)
    assert run.error["code"] == "payload.too_large"


async def test_a_loop_over_a_list_kept_by_reference(carrier: Carrier, http_server: HttpServer) -> None:
    rows: list[Json] = [{"n": n, "pad": "y" * 200} for n in range(3_000)]
    http_server.answer("GET", "/rows", Answer.of_json(rows))
    document = flow(
        "{{ steps.each.output | sum }}",
        rows=get(http_server, "/rows"),
        each=step(
            "core.for_each", items="{{ steps.rows.output.body }}", collect="{{ steps.one.output.n }}", after="rows"
        ),
        one=step("core.set", values={"n": "{{ item.n }}"}, parent="each"),
    )
    run = await carrier.run(document)
    assert run.error is None
    assert run.output == sum(range(3_000))


async def test_data_that_looks_like_a_reference_is_data(carrier: Carrier, http_server: HttpServer) -> None:
    fake = {"$ref": "0123456789abcdef0123456789abcdef", "size": 5, "type": "object"}
    http_server.answer("GET", "/fake", Answer.of_json({"inner": fake}))
    document = flow(
        {"size": "{{ steps.a.output.body.inner.size }}", "all": "{{ steps.a.output.body.inner }}"},
        a=get(http_server, "/fake"),
    )
    run = await carrier.run(document)
    assert run.output == {"size": 5, "all": fake}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_cancel_reaches_a_call_under_way(carrier: Carrier, http_server: HttpServer, method: str) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def stuck(request: Request) -> Answer:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return Answer()

    http_server.handle(method, "/stuck", stuck)
    run_id = await carrier.start(flow(a=step("http.request", method=method, url=f"{http_server.url}/stuck")))
    await begun.wait()
    await carrier.cancel(run_id)
    run = await carrier.end(run_id)
    assert run.status == "cancelled"
    (row,) = await carrier.steps(run_id)
    assert row.status == "cancelled"


async def test_temporal_holds_nothing_that_can_be_read(carrier: Carrier, http_server: HttpServer) -> None:
    http_server.answer("POST", "/x", Answer.of_json({"answer": "marigold"}, status=422))
    send = step("http.request", method="POST", url=f"{http_server.url}/x", json={"word": "{{ input.word }}"})
    document = flow(
        "{{ steps.primrose.error.code }}",
        primrose=send | {"on_error": "continue"},
        b=step("core.set", values={}, after="primrose"),
    )
    run = await carrier.run(document, {"word": "foxglove"})
    assert run.output == "http.422"
    history = await carrier.client.get_workflow_handle(str(run.run_id)).fetch_history()
    raw = b"".join(event.SerializeToString() for event in history.events)
    for word in (b"marigold", b"foxglove", b"primrose", b"http.422", http_server.url.encode()):
        assert word not in raw
