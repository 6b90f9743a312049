"""What is recorded: each construct of a document at least once, and the ways in which a run can be disturbed.

A scene plays one run to its end and gives its id. Adding one means recording it (`record.py NAME`); what was recorded stays for ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.expressions.values import Json
from tests.engine.histories.stage import Stage
from tests.fixtures.flows import flow, step
from tests.fixtures.http_server import Answer, HttpServer

Scene = Callable[[Stage, HttpServer], Awaitable[str]]
Steps = dict[str, dict[str, Json]]


def plain(
    output: Json = None,
    /,
    *,
    body: Json = None,
    settings: Json = None,
    options: dict[str, Json] | None = None,
    **steps: dict[str, Json],
) -> Scene:
    """A run that needs nobody. `{url}` in a step's `url` is the server's."""

    async def play(stage: Stage, server: HttpServer) -> str:
        document = flow(output, settings=settings, **_at(server, steps))
        run_id = await stage.start(document, body, options=options)
        await stage.ended(run_id)
        return run_id

    return play


def _at(server: HttpServer, steps: Steps) -> Steps:
    placed: Steps = {}
    for name, one in steps.items():
        inputs = one["inputs"]
        assert isinstance(inputs, dict)
        url = inputs.get("url")
        placed[name] = (
            {**one, "inputs": {**inputs, "url": url.replace("{url}", server.url)}} if isinstance(url, str) else one
        )
    return placed


def http(path: str, method: str = "GET", after: str | None = None, parent: str | None = None) -> dict[str, Json]:
    return step("http.request", method=method, url="{url}" + path, after=after, parent=parent)


def put(value: Json, after: str | None = None, parent: str | None = None) -> dict[str, Json]:
    return step("core.set", values={"v": value}, after=after, parent=parent)


async def posted(stage: Stage, server: HttpServer) -> str:
    run_id = await stage.start(flow("{{ steps.e.output }}", e=step("core.wait_for_event", timeout="1h")))
    await stage.waiting(run_id)
    await stage.post(run_id, "e", {"yes": True})
    await stage.ended(run_id)
    return run_id


async def posted_early(stage: Stage, server: HttpServer) -> str:
    document = flow(w=step("core.wait", duration="0.5s"), e=step("core.wait_for_event", timeout="1h", after="w"))
    run_id = await stage.start(document)
    await stage.waiting(run_id)
    await stage.post(run_id, "e", 1)
    await stage.ended(run_id)
    return run_id


async def moved_while_waiting(stage: Stage, server: HttpServer) -> str:
    document = flow(
        e=step("core.wait_for_event", timeout="1h"),
        loop=step("core.while", condition="{{ index < 5200 }}", max_iterations=10_000),
        one=put("{{ index }}", parent="loop"),
    )
    run_id = await stage.start(document)
    while ("loop", 1) not in stage.log.of(run_id) or stage.log.of(run_id)["loop", 1].finished_at is None:
        await stage.waiting(run_id)
        with stage.hub.subscribe(run_id) as news:
            await news.wait(0.1)
    await stage.post(run_id, "e", 1)
    await stage.ended(run_id)
    return run_id


async def child(stage: Stage, server: HttpServer) -> str:
    stage.documents["twice"] = flow("{{ input * 2 }}", name="twice", a=put(1))
    run_id = await stage.start(flow("{{ steps.c.output }}", c=step("core.subworkflow", workflow="twice", input=4)))
    await stage.ended(run_id)
    return run_id


async def child_unwaited(stage: Stage, server: HttpServer) -> str:
    stage.documents["alone"] = flow(name="alone", a=put(1))
    run_id = await stage.start(flow(c=step("core.subworkflow", workflow="alone", wait=False)))
    await stage.ended(run_id)
    return run_id


async def child_cancelled(stage: Stage, server: HttpServer) -> str:
    stage.documents["slow"] = flow(name="slow", w=step("core.wait", duration="1h"))
    run_id = await stage.start(flow(c=step("core.subworkflow", workflow="slow")))
    await stage.waiting(run_id)
    await stage.cancel(run_id)
    await stage.ended(run_id)
    return run_id


async def cancelled(stage: Stage, server: HttpServer) -> str:
    document = flow(
        t=step("core.try"),
        w=step("core.wait", duration="1h", parent="t:body"),
        f=put("late", parent="t:finally"),
        x=step("core.wait", duration="2h"),
    )
    run_id = await stage.start(document)
    await stage.waiting(run_id)
    await stage.cancel(run_id)
    await stage.ended(run_id)
    return run_id


async def responded(stage: Stage, server: HttpServer) -> str:
    run_id = await stage.start(
        flow(r=step("core.respond", status=201, body={"ok": True}), b=put(1, after="r")), reply=True
    )
    await stage.ended(run_id)
    return run_id


SCENES: dict[str, Scene] = {
    "set": plain(
        "{{ steps.b.output.v }}", a=put("{{ input }}"), b=put("{{ steps.a.output.v + 1 }}", after="a"), body=1
    ),
    "if_join_all": plain(
        i=step("core.if", condition="{{ input }}"), y=put(1, "i:true"), n=put(2, "i:false"), e=put(3, "y n"), body=True
    ),
    "switch": plain(
        s=step(
            "core.switch",
            value="{{ input }}",
            cases=[{"handle": "a", "equals": 1}, {"handle": "b", "when": "{{ input > 1 }}"}],
        ),
        a=put(1, "s:a"),
        b=put(2, "s:b"),
        d=put(3, "s:default"),
        body=2,
    ),
    "join_any": plain(w=step("core.wait", duration="1s"), q=put(1), e=put(2, "w q") | {"join": "any"}),
    "for_each": plain(l=step("core.for_each", items="{{ input }}"), s=put("{{ item }}", parent="l"), body=[1, 2, 3]),
    "for_each_concurrent_calls": plain(
        l=step("core.for_each", items="{{ input }}", concurrency=4), g=http("/a", parent="l"), body=list(range(10))
    ),
    "for_each_break_continue": plain(
        l=step("core.for_each", items="{{ input }}"),
        i=step("core.if", condition="{{ item == 3 }}", parent="l"),
        b=step("core.break", parent="l", after="i:true"),
        c=step("core.continue", parent="l", after="i:false"),
        body=[1, 2, 3, 4],
    ),
    "for_each_item_errors": plain(
        l=step("core.for_each", items="{{ input }}", on_item_error="continue"),
        f=step("core.fail", code="my.code", message="no", parent="l"),
        body=[1, 2],
    ),
    "for_each_moves": plain(
        l=step("core.for_each", items="{{ input }}", collect="{{ item }}"),
        s=put("{{ item }}", parent="l"),
        body=list(range(5_500)),
    ),
    "for_each_over_reference": plain(
        g=http("/rows"),
        l=step("core.for_each", items="{{ steps.g.output.body }}", collect="{{ item.n }}", after="g"),
        s=put("{{ item.n }}", parent="l"),
    ),
    "while_state": plain(
        l=step("core.while", condition="{{ loop.state.n < 3 }}", state={"n": 0}),
        s=step("core.set_state", state={"n": "{{ loop.state.n + 1 }}"}, parent="l"),
    ),
    "while_moves": plain(
        l=step("core.while", condition="{{ index < 5500 }}", max_iterations=9_999), s=put("{{ index }}", parent="l")
    ),
    "try_catch_finally": plain(
        t=step("core.try"),
        b=step("core.fail", code="my.code", message="no", parent="t:body"),
        c=put("{{ error.code }}", parent="t:catch"),
        f=put(1, parent="t:finally"),
    ),
    "try_finally_after_failure": plain(
        t=step("core.try"),
        b=step("core.fail", code="x.y", message="no", parent="t:body"),
        f=http("/a", parent="t:finally"),
    ),
    "race": plain(
        r=step("core.race"),
        a=step("core.wait", duration="1h", parent="r"),
        b=step("core.wait", duration="0.3s", parent="r"),
    ),
    "wait": plain(w=step("core.wait", duration="0.4s"), b=put(1, "w")),
    "event_posted": posted,
    "event_posted_early": posted_early,
    "event_timeout": plain(e=step("core.wait_for_event", timeout="0.4s"), a=put(1, "e:timeout")),
    "event_over_two_histories": moved_while_waiting,
    "stop": plain(a=step("core.stop", status="succeeded", output=5), w=step("core.wait", duration="1h")),
    "fail": plain(a=step("core.fail", code="my.code", message="no"), w=step("core.wait", duration="1h")),
    "assert": plain(a=step("core.assert", condition="{{ 1 == 2 }}", message="no")),
    "log": plain(a=step("core.log", level="info", message="hello")),
    "merge": plain(m=step("core.merge", values=[{"a": 1}, {"b": 2}], strategy="deep")),
    "text_template": plain(t=step("text.template", template="{% for i in n %}{{ i }}{% endfor %}", data={"n": [1, 2]})),
    "throttled": plain(
        l=step("core.for_each", items="{{ input }}", concurrency=5),
        g=http("/a", parent="l") | {"throttle": {"key": "{{ run.id }}", "count": 2, "per": "400ms"}},
        s=put("{{ item }}", parent="l", after="g") | {"throttle": {"key": "set", "count": 1, "per": "100ms"}},
        body=[1, 2, 3, 4, 5],
    ),
    "disabled": plain(a=put(1) | {"disabled": True}, b=put(2, "a")),
    "on_error_branch": plain(
        a=step("core.fail", code="x.y", message="no") | {"on_error": "branch"}, b=put(1, "a:error"), c=put(2, "a")
    ),
    "on_error_continue": plain(a=step("core.fail", code="x.y", message="no") | {"on_error": "continue"}, b=put(1, "a")),
    "call_read": plain("{{ steps.b.output.status }}", a=http("/a"), b=http("/a", after="a")),
    "calls_at_once": plain(b=http("/a"), a=http("/a"), c=http("/a", "POST"), d=http("/a", after="a b c")),
    "call_write": plain(a=http("/a", "POST"), b=put(1, "a")),
    "call_slow": plain(a=http("/slow")),
    "call_retried": plain(a=http("/twice") | {"retry": {"initial": "0.2s"}}),
    "call_refused": plain(a=http("/missing")),
    "call_large": plain("{{ steps.b.output.v | length }}", a=http("/large"), b=put("{{ steps.a.output.body }}", "a")),
    "calls_over_the_local_budget": plain(
        l=step("core.for_each", items="{{ input }}"), g=http("/a", parent="l"), body=list(range(130))
    ),
    "container_retried": plain(
        t=step("core.try") | {"retry": {"max_attempts": 2, "initial": "0.2s", "on": ["x.*"]}},
        f=step("core.fail", code="x.y", message="no", parent="t:body"),
    ),
    "container_timeout": plain(
        t=step("core.try") | {"timeout": "0.4s"}, w=step("core.wait", duration="1h", parent="t:body")
    ),
    "isolated": plain(a=step("data.transform", language="jmespath", expression="a", data={"a": 1})),
    "kv": plain(
        a=step("kv.set", scope="workspace", key="k", value=1), b=step("kv.get", scope="workspace", key="k", after="a")
    ),
    "mocked": plain(
        a=http("/a", "POST"),
        b=put("{{ steps.a.output.x }}", "a"),
        options={"mocks": {"a": {"output": {"x": 1}}}, "unmocked": "fail"},
    ),
    "child": child,
    "child_unwaited": child_unwaited,
    "child_cancelled": child_cancelled,
    "cancelled": cancelled,
    "timed_out": plain(w=step("core.wait", duration="1h"), settings={"timeout": "0.5s"}),
    "responded": responded,
}


def serve(server: HttpServer) -> None:
    """What the scenes call."""

    async def slow(request: object) -> Answer:
        import asyncio

        await asyncio.sleep(2)
        return Answer.of_json("late")

    server.answer("GET", "/a", Answer.of_json({"n": 1}))
    server.answer("POST", "/a", Answer.of_json({"n": 1}))
    server.answer("GET", "/twice", Answer(503), Answer(503), Answer.of_json({"n": 1}))
    server.answer("GET", "/large", Answer.of_json("x" * 100_000))
    server.answer("GET", "/rows", Answer.of_json([{"n": n, "pad": "y" * 100} for n in range(1_200)]))
    server.handle("GET", "/slow", slow)
