"""Trying things out: the validator and expressions answer 200 whatever they are given."""

from __future__ import annotations

from tests.fixtures.api import JSON, Api, encoded, problem
from tests.fixtures.flows import flow, step

YAML = {"Content-Type": "application/yaml"}


async def test_a_document_is_validated_without_being_saved(api: Api) -> None:
    good = flow(a=step("core.set", values={}))
    assert (await api.viewer.post("/validate", json={"document": good})).json() == {"findings": []}
    bad = flow(a=step("core.sett", values={}), b=step("core.set", values={"x": "{{ steps.a.output }}"}))
    answer = await api.viewer.post("/validate", json={"document": bad})
    assert answer.status_code == 200
    codes = {one["code"]: one for one in answer.json()["findings"]}
    assert set(codes) == {"module.unknown", "reference.unreachable"}
    assert "core.set" in str(codes["module.unknown"]["hint"])
    text = b"schema_version: 1\nname: x\nname: y\nsteps: {}\n<<: {title: t}\n"
    found = (await api.viewer.post("/validate", content=text, headers=YAML)).json()["findings"]
    assert {"document.key.duplicate", "document.key.merge"} <= {one["code"] for one in found}


async def test_whatever_stands_as_a_document_gives_findings(api: Api) -> None:
    deep: object = 1
    for _ in range(150):
        deep = {"a": deep}
    for odd in (
        None,
        [],
        7,
        "text",
        {},
        {"steps": []},
        {"steps": {"a": None}},
        {"edges": [7]},
        deep,
        {"name": "a\x00b\ud800"},
    ):
        answer = await api.viewer.post("/validate", content=encoded({"document": odd}), headers=JSON)
        assert (answer.status_code, bool(answer.json()["findings"])) == (200, True), odd


async def test_an_expression_is_evaluated_against_a_scope(api: Api) -> None:
    async def evaluate(expression: object, scope: object) -> dict[str, object]:
        answer = await api.viewer.post("/expressions/evaluate", json={"expression": expression, "scope": scope})
        assert answer.status_code == 200
        return answer.json()

    assert await evaluate("{{ input.n + 1 }}", {"input": {"n": 1}}) == {"value": 2}
    assert await evaluate("n is {{ n }}", {"n": [1, None]}) == {"value": "n is [1,null]"}
    missing = await evaluate("{{ orders }}", {"order": 1})
    assert set(missing) == {"error"}
    assert (missing["error"]["code"], "order" in missing["error"]["message"]) == ("expression.undefined", True)  # type: ignore[index]
    for text in (
        "{{",
        "{{ 1 / 0 }}",
        "{{ '' .__class__ }}",
        "{{ x() }}",
        "{{ " + "(" * 5000 + " }}",
        "{{ 'a' * 10**9 }}",
    ):
        assert set(await evaluate(text, {})) == {"error"}, text
    assert await evaluate("{{ x }}", {"x": {"$ref": "abc", "size": 3, "type": "object"}}) == {
        "value": {"$ref": "abc", "size": 3, "type": "object"}
    }
    for body in ({}, {"expression": 7}, {"expression": "x", "scope": []}, {"expression": "x", "scop": {}}, []):
        problem(await api.viewer.post("/expressions/evaluate", json=body), 422, "request.invalid")


async def test_the_schema_of_documents_is_published(api: Api) -> None:
    schema = (await api.viewer.get("/schema")).json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
