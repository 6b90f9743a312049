"""Trying code by the API, and what saving and deploying say of it."""

from __future__ import annotations

from tests.fixtures.api import JSON, Api, encoded, problem
from tests.fixtures.flows import flow, step

GOOD = "def main(input):\n    print('got', input)\n    return input['a'] + 1"


async def test_code_is_tried_against_an_input(api: Api) -> None:
    answer = await api.editor.post("/code/try", json={"language": "python", "source": GOOD, "input": {"a": 1}})
    tried = answer.json()
    assert (answer.status_code, tried["value"], tried["logs"]) == (
        200,
        2,
        [{"level": "info", "message": "got {'a': 1}"}],
    )
    answer = await api.editor.post("/code/try", json={"language": "javascript", "source": "function main() { x }"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, "code.error")
    assert answer.json()["error"]["details"]["line"] == 1
    slow = {"language": "python", "source": "def main(i):\n  while True: pass", "timeout": "200ms"}
    assert (await api.editor.post("/code/try", json=slow)).json()["error"]["code"] == "code.timeout"
    problem(await api.viewer.post("/code/try", json={"language": "python", "source": GOOD}), 403, "auth.forbidden")


async def test_whatever_is_asked_is_no_fault_of_the_server(api: Api) -> None:
    for body in (
        [],
        {},
        {"language": "ruby", "source": "x"},
        {"language": "python"},
        {"language": "python", "source": ""},
        {"language": "python", "source": "x" * 70_000},
        {"language": "python", "source": "x", "timeout": "1h"},
        {"language": "python", "source": "x", "timeout": "soon"},
        {"language": "python", "source": "x", "timeout": -1},
        {"language": "python", "source": "x", "timeout": True},
        {"language": "python", "source": "x", "memory_mb": 5},
        {"language": "python", "source": "x", "memory_mb": 99999},
        {"language": "python", "source": "x", "memory_mb": "64"},
        {"language": "python", "source": "x", "more": 1},
    ):
        problem(await api.editor.post("/code/try", json=body), 422, "request.invalid")
    for language in ("python", "javascript"):
        for source in ("\x00", "\ud800", "x = '\ud800'\ndef main(i): return x", "(" * 60_000, "-" * 60_000 + "1"):
            body = encoded({"language": language, "source": source})
            answer = await api.editor.post("/code/try", content=body, headers=JSON)
            assert answer.status_code == 200, (language, source[:20])


async def test_a_source_that_does_not_compile_is_found_and_not_deployed(api: Api) -> None:
    bad = flow(
        None,
        name="coded",
        a=step("code.python", source="def main(input):\n    retrun 1"),
        b=step("code.javascript", source="function main() {\n  let = = 1\n}"),
        c=step("code.python", source=GOOD),
    )
    found = (await api.viewer.post("/validate", json={"document": bad})).json()["findings"]
    assert [(one["code"], one["path"], one["message"][:7]) for one in found] == [
        ("code.invalid", "/steps/a/inputs/source", "line 2:"),
        ("code.invalid", "/steps/b/inputs/source", "line 2:"),
    ]
    made = await api.editor.post("/workflows", json={"document": bad})
    assert made.status_code == 201
    assert {one["code"] for one in made.json()["draft"]["findings"]} == {"code.invalid"}
    refused = problem(await api.editor.post("/workflows/coded/deploy", json={}), 422, "document.invalid")
    assert "retrun" in str(refused) or "line 2" in str(refused)
