"""Section 4: the modules that work on data, keep data, and ask others: core.merge to http.request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.http_server import Answer
from tests.fixtures.stack import Ran, Stack


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


async def test_merge(stack: Stack) -> None:
    left, right = [{"id": 1, "l": "a"}, {"id": 2, "l": "b"}], [{"id": 1, "r": "x"}, {"id": 3, "r": "y"}]
    assert await gave(stack, "core.merge", strategy="deep", values=[{"a": {"x": 1}}, {"a": {"y": 2}}]) == {
        "a": {"x": 1, "y": 2}
    }
    assert await gave(stack, "core.merge", strategy="shallow", values=[{"a": {"x": 1}}, {"a": {"y": 2}}]) == {
        "a": {"y": 2}
    }
    assert await gave(stack, "core.merge", strategy="concat", values=[[1], [2, 3]]) == [1, 2, 3]
    expected = {
        "inner": [{"id": 1, "l": "a", "r": "x"}],
        "left": [{"id": 1, "l": "a", "r": "x"}, {"id": 2, "l": "b"}],
        "outer": [{"id": 1, "l": "a", "r": "x"}, {"id": 2, "l": "b"}, {"id": 3, "r": "y"}],
        "anti": [{"id": 2, "l": "b"}],
    }
    for how, rows in expected.items():
        assert await gave(stack, "core.merge", strategy="join", values=[left, right], on="id", how=how) == rows


async def test_aggregate(stack: Stack) -> None:
    items = [{"k": "a", "n": 1}, {"k": "b", "n": 5}, {"k": "a", "n": 3}]
    measures = {name: {"op": name, "of": "n"} for name in ("sum", "avg", "min", "max")} | {"count": {"op": "count"}}
    assert await gave(stack, "core.aggregate", items=items, group_by=["k"], measures=measures) == [
        {"k": "a", "sum": 4, "avg": 2, "min": 1, "max": 3, "count": 2},
        {"k": "b", "sum": 5, "avg": 5, "min": 5, "max": 5, "count": 1},
    ]


async def test_validate(stack: Stack) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    good = await only(stack, "core.validate", data={"n": 1}, schema=schema)
    assert (good.row("a")["handle"], good.row("a")["output"]) == ("valid", {"errors": []})
    bad = await only(stack, "core.validate", data={"n": "x"}, schema=schema)
    assert (bad["status"], bad.row("a")["handle"], len(bad.row("a")["output"]["errors"])) == ("succeeded", "invalid", 1)


async def test_transform(stack: Stack) -> None:
    data = {"lines": [{"n": 1}, {"n": 2}]}
    assert await gave(stack, "data.transform", language="jsonata", expression="$sum(lines.n)", data=data) == 3
    assert await gave(stack, "data.transform", language="jmespath", expression="lines[*].n", data=data) == [1, 2]
    assert await gave(stack, "data.transform", language="jmespath", expression="'{{ raw }}'", data=1) == "{{ raw }}"
    for expression in ("$now()", "$millis()", "$random()", "$eval('1')"):
        assert (await only(stack, "data.transform", language="jsonata", expression=expression, data=1)).said == (
            "failed",
            "data.expression",
        )


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "xml", "yaml"])
async def test_parse_reads_what_format_writes(stack: Stack, form: str) -> None:
    rows: list[Any] = [{"a": "1", "b": 'x,\n"é"'}, {"a": "2", "b": ""}]
    if form == "xml":
        rows = [{"root": {"a": "1", "b": ["x", "y"]}}]
    text = (await gave(stack, "data.format", format=form, rows={"$literal": rows}))["text"]
    parsed = await gave(stack, "data.parse", "x", format=form, text={"$literal": text})
    assert (parsed["rows"], parsed["next"], parsed["total"]) == (rows, None, len(rows))


async def test_parse_goes_page_by_page(stack: Stack) -> None:
    text = "n\n" + "".join(f"{n}\n" for n in range(5))
    first = await gave(stack, "data.parse", format="csv", text=text, limit=2)
    assert first == {"rows": [{"n": "0"}, {"n": "1"}], "next": 2, "total": 5}
    last = await gave(stack, "data.parse", format="csv", text=text, limit=2, offset=4)
    assert last == {"rows": [{"n": "4"}], "next": None, "total": 5}
    assert (await only(stack, "data.parse", format="json", text="{")).said == ("failed", "data.invalid")


async def test_text_template_sees_only_its_data(stack: Stack) -> None:
    template = "{% for x in xs %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}"
    assert await gave(stack, "text.template", template=template, data={"xs": [1, 2]}) == {"text": "1,2"}
    for hidden in ("{{ input }}", "{{ steps }}", "{{ run.id }}", "{% include 'x' %}", "{{ xs.append(1) }}"):
        ran = (
            await stack.run(
                stack.document(
                    "steps: {}",
                    steps={"a": {"module": "text.template", "inputs": {"template": hidden, "data": {"xs": []}}}},
                )
            )
            if "include" not in hidden and "append" not in hidden
            else None
        )
        if ran is not None:
            assert ran.said == ("failed", "expression.undefined")


async def test_kv(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  none: {module: kv.get, inputs: {key: a}}
  set: {module: kv.set, inputs: {key: a, value: {n: 1}}}
  get: {module: kv.get, inputs: {key: a}}
  again: {module: kv.set, inputs: {key: a, value: 2, if_version: "{{ steps.get.output.version }}"}}
  stale: {module: kv.set, on_error: continue, inputs: {key: a, value: 3, if_version: "{{ steps.get.output.version }}"}}
  one: {module: kv.increment, inputs: {key: c}}
  five: {module: kv.increment, inputs: {key: c, value: 4}}
  type: {module: kv.increment, on_error: continue, inputs: {key: s}}
  text: {module: kv.set, inputs: {key: s, value: x, ttl: 1h}}
  delete: {module: kv.delete, inputs: {key: a}}
  gone: {module: kv.get, inputs: {key: a}}
  shared: {module: kv.set, inputs: {scope: workspace, key: contract-shared, value: 9}}
edges: none > set, set > get, get > again, again > stale, stale > one, one > five, five > text, text > type, type > delete, delete > gone, gone > shared
""")
    outputs = {id_: ran.row(id_)["output"] for id_ in ("none", "set", "get", "again", "one", "five", "delete", "gone")}
    assert outputs["none"] == outputs["gone"] == {"value": None, "version": 0, "found": False}
    assert outputs["set"] == outputs["get"] == {"value": {"n": 1}, "version": 1, "found": True}
    assert (outputs["again"]["value"], outputs["again"]["version"]) == (2, 2)
    assert (ran.row("stale")["error"]["code"], ran.row("type")["error"]["code"]) == ("kv.conflict", "kv.type")
    assert (outputs["one"]["value"], outputs["five"]["value"]) == (1, 5)
    assert outputs["delete"]["found"] is True
    assert await gave(stack, "kv.get", key="contract-shared", scope="workspace") == {
        "value": 9,
        "version": 1,
        "found": True,
    }
    assert (await gave(stack, "kv.get", key="c"))["found"] is False  # another workflow's own store


# -- http.request


async def test_http_request_sends_and_gives(stack: Stack) -> None:
    stack.web.answer("POST", "/http/json", Answer.of_json({"id": 1}, 201, **{"X-Thing": "t"}))
    out = await gave(
        stack,
        "http.request",
        method="POST",
        url=f"{stack.web.url}/http/json",
        json={"a": [1]},
        headers={"x-mine": "m"},
        query={"q": ["1", "2"]},
        auth={"basic": {"username": "u", "password": "p"}},
    )
    assert (out["status"], out["body"], out["headers"]["x-thing"]) == (201, {"id": 1}, "t")
    [request] = stack.asked("/http/json")
    assert (request.body, request.headers["content-type"], request.headers["x-mine"]) == (
        b'{"a":[1]}',
        "application/json",
        "m",
    )
    assert request.path.endswith("?q=1&q=2")
    assert request.headers["authorization"] == "Basic dTpw"
    stack.web.answer("POST", "/http/form", Answer(200, {"content-type": "text/plain"}, "é".encode()))
    form = await gave(
        stack, "http.request", method="POST", url=f"{stack.web.url}/http/form", form={"a": "b c"}, auth={"bearer": "t"}
    )
    assert form["body"] == "é"
    [request] = stack.asked("/http/form")
    assert (request.body, request.headers["content-type"], request.headers["authorization"]) == (
        b"a=b+c",
        "application/x-www-form-urlencoded",
        "Bearer t",
    )
    stack.web.answer("PUT", "/http/multi", Answer(204))
    await gave(
        stack,
        "http.request",
        method="PUT",
        url=f"{stack.web.url}/http/multi",
        multipart=[{"name": "f", "value": "v", "filename": "n.txt"}],
    )
    assert b'name="f"' in stack.asked("/http/multi")[0].body
    stack.web.answer("PATCH", "/http/body", Answer(200))
    await gave(
        stack,
        "http.request",
        method="PATCH",
        url=f"{stack.web.url}/http/body",
        body="raw",
        headers={"content-type": "text/x"},
    )
    assert (stack.asked("/http/body")[0].body, stack.asked("/http/body")[0].headers["content-type"]) == (
        b"raw",
        "text/x",
    )


async def test_http_request_expects_a_status_and_reads_the_body_as_told(stack: Stack) -> None:
    stack.web.answer("GET", "/http/404", Answer.of_json({"why": "gone"}, 404))
    failed = await only(stack, "http.request", url=f"{stack.web.url}/http/404")
    assert failed.said == ("failed", "http.404")
    assert failed["error"]["details"]["status"] == 404
    assert (await gave(stack, "http.request", url=f"{stack.web.url}/http/404", expect_status=["2xx", 404]))["body"] == {
        "why": "gone"
    }
    assert (await gave(stack, "http.request", url=f"{stack.web.url}/http/404", expect_status=404, response="text"))[
        "body"
    ] == '{"why": "gone"}'
    stack.web.answer("GET", "/http/nojson", Answer(200, {"content-type": "text/plain"}, b"no"))
    assert (await only(stack, "http.request", url=f"{stack.web.url}/http/nojson", response="json")).said[
        1
    ] == "http.body"
    stack.web.answer("GET", "/http/from", Answer(302, {"location": "/http/to"}))
    stack.web.answer("GET", "/http/to", Answer.of_json(1))
    assert (await gave(stack, "http.request", url=f"{stack.web.url}/http/from"))["body"] == 1
    assert (
        await gave(stack, "http.request", url=f"{stack.web.url}/http/from", follow_redirects=False, expect_status=302)
    )["status"] == 302


async def test_http_request_goes_through_pages(stack: Stack) -> None:
    def page(request: Any) -> Answer:
        number = int(request.path.rpartition("=")[2]) if "=" in request.path else 1
        return Answer.of_json(
            {"rows": [number], "next": f"{stack.web.url}/http/pages?p={number + 1}" if number < 3 else None}
        )

    stack.web.handle("GET", "/http/pages", page)
    schema = (await stack.http.get("/modules/http.request/1")).json()["input_schema"]["properties"]["pagination"][
        "properties"
    ]
    assert {"next", "items", "max_pages"} <= set(schema)
    ran = await only(
        stack,
        "http.request",
        url=f"{stack.web.url}/http/pages",
        pagination={"next": "{{ body.next }}", "items": "{{ body.rows }}", "max_pages": 5}
        if schema["next"].get("x-eval") == "later"
        else {"next": "next", "items": "rows", "max_pages": 5},
    )
    assert ran["status"] == "succeeded", ran["error"]
    assert ran.row("a")["output"]["body"] == [1, 2, 3]


async def test_private_targets_are_refused_unless_admitted(stack: Stack) -> None:
    for url in ("http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]:8080/", "http://192.168.0.1:8080/"):
        assert (await only(stack, "http.request", url=url)).said == ("failed", "http.blocked"), url


