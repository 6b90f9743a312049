"""Section 1: what a document may say, what is found wrong with it, and what its versions are."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest

from tests.fixtures.stack import Document, Stack, problem

WHOLE = """
title: Text
description: Text
input_schema: {type: object}
triggers: {hook: {module: webhook.trigger, title: t, notes: n, inputs: {method: POST}, disabled: false}}
steps:
  each: {module: core.for_each, title: t, notes: n, join: any, on_error: continue, timeout: 7d, disabled: false, inputs: {items: []},
         retry: {max_attempts: 2, initial: 500ms, backoff: 1.5, max_interval: 5m, jitter: 0.1, "on": ["http.*"], never_on: [x], on_lost: retry}}
  in: {module: core.set, parent: each, slot: body, inputs: {values: {}}}
edges: [{from: hook, handle: out, to: each}]
output: {a: 1}
requires: {variables: [], connections: {}}
settings: {timeout: 1h, finally_timeout: 30, max_concurrent_runs: 20, concurrency_key: "{{ trigger.body.c | default(none) }}", log: errors, retention_days: 3}
tests: [{name: t, trigger: {body: {}}, trigger_id: hook, vars: {A: 1}, mocks: {}, expect: {status: succeeded, skipped: [], output: {}, steps: {}}}]
layout: {each: {x: 0, y: 0}}
"""


def errors(findings: list[Document]) -> list[tuple[str, str]]:
    return [(found["code"], found["path"]) for found in findings if found["severity"] == "error"]


async def test_every_key_of_the_tables_is_known(stack: Stack) -> None:
    assert errors(await stack.findings(WHOLE)) == []


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("", "/extra"),
        ("/steps/each", "/steps/each/extra"),
        ("/triggers/hook", "/triggers/hook/extra"),
        ("/edges/0", "/edges/0/extra"),
        ("/settings", "/settings/extra"),
        ("/steps/each/retry", "/steps/each/retry/extra"),
        ("/requires", "/requires/extra"),
        ("/tests/0", "/tests/0/extra"),
        ("/tests/0/expect", "/tests/0/expect/extra"),
    ],
)
async def test_any_other_key_is_a_finding(stack: Stack, where: str, path: str) -> None:
    made = stack.document(WHOLE)
    at: Any = made
    for part in where.split("/")[1:]:
        at = at[int(part)] if part.isdigit() else at[part]
    at["extra"] = 1
    found = await stack.findings(made)
    assert [one for one in errors(found) if one[1] == path] != []
    assert all(set(one) == {"code", "path", "message", "hint", "severity"} for one in found)


@pytest.mark.parametrize("key", ["join", "retry", "parent", "slot", "on_error", "timeout"])
async def test_a_trigger_has_not_the_keys_of_steps(stack: Stack, key: str) -> None:
    made = stack.document(WHOLE)
    made["triggers"]["hook"][key] = "x"
    assert ("document.key.unknown", f"/triggers/hook/{key}") in errors(await stack.findings(made))


# Each document has one thing wrong; what is found, where.
WRONG: dict[str, tuple[str, str]] = {
    "steps: {a: {module: core.none}}": ("module.unknown", "/steps/a/module"),
    "steps: {a: {module: core.set, version: 9, inputs: {values: {}}}}": ("module.version.unknown", "/steps/a/version"),
    "steps: {a: {module: core.set, version: 0, inputs: {values: {}}}}": ("*", "/steps/a/version"),
    "steps: {a: {module: core.set, inputs: {values: {x: '{{ steps.none.output }}'}}}}": (
        "reference.unknown",
        "/steps/a/inputs/values/x",
    ),
    "steps: {a: {module: core.set, inputs: {values: {x: '{{ steps.b.output }}'}}}, b: {module: core.set, inputs: {values: {}}}}": (
        "reference.unreachable",
        "/steps/a/inputs/values/x",
    ),
    "steps: {a: {module: core.set, inputs: {values: {}}}, b: {module: core.set, inputs: {values: {}}}}\nedges: a > b, b > a": (
        "edge.cycle",
        "*",
    ),
    "steps: {a: {module: core.try}, b: {module: core.set, parent: a, inputs: {values: {}}}, c: {module: core.set, inputs: {values: {}}}}\nedges: c > b": (
        "edge.container",
        "*",
    ),
    "steps: {a: {module: core.try}, b: {module: core.set, parent: a, inputs: {values: {}}},"
    " c: {module: core.set, parent: a, slot: catch, inputs: {values: {}}}}\nedges: b > c": ("edge.container", "*"),
    "steps: {a: {module: core.set, inputs: {values: {}}}, b: {module: core.set, inputs: {values: {}}}}\nedges: 'a:true > b'": (
        "handle.unknown",
        "*",
    ),
    "steps: {a: {module: core.set, inputs: {values: {}}}, b: {module: core.set, inputs: {values: {}}}}\nedges: 'a:error > b'": (
        "handle.unknown",
        "*",
    ),
    "steps: {a: {module: core.if, inputs: {condition: true}}, b: {module: core.set, inputs: {values: {}}}}\nedges: a > b": (
        "handle.unknown",
        "*",
    ),
    "steps: {a: {module: core.set, inputs: {values: {}}}}\nedges: a > none": ("edge.unknown", "/edges/0/to"),
    "steps: {a: {module: core.set, inputs: {values: 1}}}": ("input.schema", "/steps/a/inputs/values"),
    "steps: {a: {module: core.set}}": ("input.missing", "*"),
    "steps: {a: {module: http.request, inputs: {url: u, nope: 1}}}": ("input.unknown", "/steps/a/inputs/nope"),
    "steps: {a: {module: core.break}}": ("break.outside_loop", "/steps/a"),
    "steps: {a: {module: core.continue}}": ("break.outside_loop", "/steps/a"),
    "steps: {a: {module: core.set, inputs: {values: {x: '{{ 1 + }}'}}}}": (
        "expression.syntax",
        "/steps/a/inputs/values/x",
    ),
    "steps: {a: {module: core.set, inputs: {values: {x: '{{ 1 | none_such }}'}}}}": (
        "expression.filter",
        "/steps/a/inputs/values/x",
    ),
    "steps: {a: {module: core.set, inputs: {values: {x: '{{ a() }}'}}}}": (
        "expression.syntax",
        "/steps/a/inputs/values/x",
    ),
    "steps: {A: {module: core.set, inputs: {values: {}}}}": ("id.invalid", "/steps/A"),
    "steps: {%s: {module: core.set, inputs: {values: {}}}}" % ("a" * 64): ("id.invalid", "/steps/" + "a" * 64),
    "triggers: {a: {module: webhook.trigger}}\nsteps: {a: {module: core.set, inputs: {values: {}}}}": ("id.taken", "*"),
    "steps: {a: {module: core.set, join: some, inputs: {values: {}}}}": ("*", "/steps/a/join"),
    "steps: {a: {module: core.set, on_error: stop, inputs: {values: {}}}}": ("*", "/steps/a/on_error"),
    "steps: {a: {module: core.set, timeout: 1 day, inputs: {values: {}}}}": ("duration.invalid", "/steps/a/timeout"),
    "steps: {a: {module: core.set, parent: b, inputs: {values: {}}}, b: {module: core.set, inputs: {values: {}}}}": (
        "parent.not_container",
        "*",
    ),
    "steps: {a: {module: core.try, parent: b}, b: {module: core.try, parent: a}}": ("parent.cycle", "*"),
    "steps: {a: {module: core.try}, b: {module: core.set, parent: a, slot: none, inputs: {values: {}}}}": (
        "slot.unknown",
        "/steps/b/slot",
    ),
    "steps: {a: {module: core.for_each, inputs: {items: []}}, b: {module: core.set, parent: a, inputs: {values: {}}},"
    " c: {module: core.set, parent: a, inputs: {values: {}}}}": ("loop.sinks", "/steps/a"),
    "settings: {log: some}": ("*", "/settings/log"),
    "settings: {max_concurrent_runs: 0}": ("*", "/settings/max_concurrent_runs"),
    "settings: {retention_days: many}": ("*", "/settings/retention_days"),
    "input_schema: {type: nothing}": ("schema.invalid", "*"),
    "schema_version: 2": ("document.schema_version", "/schema_version"),
    "name: Not A Name": ("name.invalid", "/name"),
    "name: -dash": ("name.invalid", "/name"),
    "tests: [{name: t, mocks: {none: {output: 1}}, expect: {}}]": ("test.invalid", "*"),
    "steps: {a: {module: webhook.trigger}}": ("module.kind", "/steps/a/module"),
    "edges: {}": ("document.shape", "/edges"),
}


async def test_each_mistake_is_a_finding_with_its_place(stack: Stack) -> None:
    found = await asyncio.gather(*[stack.findings(text) for text in WRONG])
    wrong = {}
    for (text, (code, path)), findings in zip(WRONG.items(), found, strict=True):
        if not any(code in {"*", one} and path in {"*", at} for one, at in errors(findings)):
            wrong[text] = errors(findings)
    assert wrong == {}


async def test_names_and_ids_take_what_they_may(stack: Stack) -> None:
    text = "steps: {%s: {module: core.set, inputs: {values: {}}}}"
    assert errors(await stack.findings(text % ("a" + "0_" * 31), name="0a_b-" + "c" * 58)) == []


async def test_what_the_workspace_lacks_is_a_warning_on_validate_and_an_error_on_deploy(stack: Stack) -> None:
    text = (
        "requires: {variables: [LACKING]}\nsteps: {a: {module: core.set, inputs: {values: {x: '{{ vars.LACKING }}'}}}}"
    )
    [found] = [one for one in await stack.findings(text) if one["code"] == "variable.missing"]
    assert (found["severity"], found["path"]) == ("warning", "/requires/variables/0")
    name = await stack.create(text)
    refused = problem(await stack.http.post(f"/workflows/{name}/deploy", json={}), 422, "document.invalid")
    assert ("variable.missing", "/requires/variables/0") in errors(refused["findings"])
    guarded = "steps: {a: {module: core.set, inputs: {values: {x: '{{ vars.LACKING | default(1) }}'}}}}"
    assert (await stack.run(guarded)).row("a")["output"] == {"x": 1}
    connection = "requires: {connections: {shop: {app: shop}}}\nsteps: {a: {module: http.request, connection: shop, inputs: {url: u}}}"
    codes = {one["code"]: one["severity"] for one in await stack.findings(connection)}
    assert codes["connection.missing"] == "warning"


async def test_a_connection_that_the_workspace_lacks_is_an_error_on_deploy(stack: Stack) -> None:
    text = "requires: {connections: {shop: {app: shop}}}\nsteps: {a: {module: http.request, connection: shop, inputs: {url: /x}}}"
    name = await stack.create(text)
    refused = problem(await stack.http.post(f"/workflows/{name}/deploy", json={}), 422, "document.invalid")
    assert ("connection.missing", "/requires/connections/shop") in errors(refused["findings"])
    ran = await stack.again(name, version="draft")
    assert ran.row("a")["error"]["code"] == "connection.missing", "a draft that lacks one runs up to the step"


async def test_a_draft_with_errors_is_saved_and_not_deployed(stack: Stack) -> None:
    name = await stack.create("steps: {a: {module: core.none}}")
    draft = (await stack.http.get(f"/workflows/{name}/draft")).json()
    assert ("module.unknown", "/steps/a/module") in errors(draft["findings"])
    assert ("module.unknown", "/steps/a/module") in errors(
        problem(await stack.http.post(f"/workflows/{name}/deploy", json={}), 422, "document.invalid")["findings"]
    )
    problem(await stack.post(name), 409, "workflow.not_deployed")


@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        "x",
        [],
        {},
        {"steps": 1},
        {"edges": [1]},
        {"steps": {"a": None}},
        {"schema_version": "1", "name": 1, "triggers": [], "tests": 1},
    ],
)
async def test_validation_never_raises(stack: Stack, document: object) -> None:
    answer = await stack.http.post("/validate", json={"document": document})
    assert answer.status_code == 200
    assert any(one["severity"] == "error" for one in answer.json()["findings"])


async def test_a_draft_may_leave_versions_out_and_saving_writes_the_newest(stack: Stack) -> None:
    made = stack.document(
        "triggers: {hook: {module: webhook.trigger}}\nsteps: {a: {module: core.set, inputs: {values: {}}}}"
    )
    del made["steps"]["a"]["version"], made["triggers"]["hook"]["version"]
    answer = await stack.http.post("/workflows", json={"document": made})
    saved = answer.json()["draft"]["document"]
    assert (saved["steps"]["a"]["version"], saved["triggers"]["hook"]["version"]) == (1, 1)


# -- YAML and JSON

YAML = """
schema_version: 1
name: $NAME
steps:
  a:
    module: core.set
    version: 1
    inputs:
      values: &v {on: on, no: no, yes: yes, time: 12:30, day: 2026-01-31, bool: true, off: False, octal: 0o17, hex: 0xF, old: 017, nul: ~, tilde: "~", f: 1e3}
  b: {module: core.set, version: 1, inputs: {values: *v}}
edges:
  - {from: a, to: b}
output: "{{ steps.b.output }}"
"""


async def test_yaml_is_of_the_1_2_core_schema(stack: Stack) -> None:
    name = await stack.create("steps: {}")
    headers = {"content-type": "application/yaml"}
    saved = await stack.http.put(
        f"/workflows/{name}/draft", params={"base_revision": 1}, headers=headers, content=YAML.replace("$NAME", name)
    )
    assert saved.status_code == 200, saved.text
    assert (await stack.again(name, version="draft"))["output"] == {
        "on": "on",
        "no": "no",
        "yes": "yes",
        "time": "12:30",
        "day": "2026-01-31",
        "bool": True,
        "off": False,
        "octal": 15,
        "hex": 15,
        "old": 17,
        "nul": None,
        "tilde": "~",
        "f": 1000.0,
    }
    found = await stack.http.post("/validate", headers=headers, content=YAML.replace("$NAME", name))
    assert (found.status_code, errors(found.json()["findings"])) == (200, [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name: a\nname: b\nschema_version: 1", "document.key.duplicate"),
        (
            "name: a\nschema_version: 1\nsteps: {a: &a {module: core.log, version: 1, inputs: {message: m}}, b: {<<: *a}}",
            "document.key.merge",
        ),
    ],
)
async def test_duplicate_keys_and_merge_keys_are_findings(stack: Stack, text: str, code: str) -> None:
    answer = await stack.http.post("/validate", headers={"content-type": "application/yaml"}, content=text)
    assert code in [one for one, _ in errors(answer.json()["findings"])]


async def test_duplicate_keys_in_json_are_findings(stack: Stack) -> None:
    answer = await stack.http.post(
        "/validate",
        headers={"content-type": "application/json"},
        content='{"document": {"schema_version": 1, "name": "a", "steps": {}, "steps": {}}}',
    )
    assert ("document.key.duplicate", "/steps") in errors(answer.json()["findings"])


async def test_aliases_are_allowed_up_to_1_mb(stack: Stack) -> None:
    bomb = "schema_version: 1\nname: a\nlayout:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"  a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    answer = await stack.http.post("/validate", headers={"content-type": "application/yaml"}, content=bomb)
    assert answer.status_code == 400 or "limit.size" in [code for code, _ in errors(answer.json()["findings"])]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "18446744073709551616", "-9223372036854775809"])
async def test_numbers_that_json_has_not_and_integers_beyond_64_bits_are_refused(stack: Stack, number: str) -> None:
    json_headers = {"content-type": "application/json"}
    body = f'{{"document": {{"schema_version": 1, "name": "numbers", "output": {number}}}}}'
    problem(await stack.http.post("/workflows", headers=json_headers, content=body), 400, "json.malformed")
    problem(await stack.http.post("/validate", headers=json_headers, content=body), 400, "json.malformed")
    name = await stack.create("steps: {}")
    spelled = {"NaN": ".nan", "Infinity": ".inf", "-Infinity": "-.inf"}.get(number, number)
    saved = await stack.http.put(
        f"/workflows/{name}/draft",
        params={"base_revision": 1},
        headers={"content-type": "application/yaml"},
        content=f"schema_version: 1\nname: {name}\noutput: {spelled}\n",
    )
    problem(saved, 400, "yaml.malformed")


# -- versions


async def save(stack: Stack, name: str, text: str, revision: int, **more: object) -> Document:
    answer = await stack.http.put(
        f"/workflows/{name}/draft",
        json={"document": stack.document(text, name=name, **more), "base_revision": revision},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


TEXT = "steps: {a: {module: core.set, inputs: {values: {n: %d}}}}\noutput: '{{ steps.a.output.n }}'"


async def test_deploy_freezes_the_draft_and_an_equal_draft_makes_the_old_version_live_again(stack: Stack) -> None:
    name = await stack.create(TEXT % 1)
    first = await stack.http.post(f"/workflows/{name}/deploy", json={"note": "why"})
    assert (first.status_code, first.json()["version"], first.json()["live"]) == (201, 1, True)
    draft = await save(stack, name, TEXT % 2, 1)
    second = await stack.http.post(f"/workflows/{name}/deploy", json={"note": "two"})
    assert (second.status_code, second.json()["version"]) == (201, 2)
    await save(stack, name, TEXT % 1, draft["revision"], layout={"a": {"x": 5, "y": 6}})  # boxes moved: no new version
    again = await stack.http.post(f"/workflows/{name}/deploy", json={"note": "back"})
    assert (again.status_code, again.json()) == (
        200,
        {**again.json(), "version": 1, "live": True, "content_hash": first.json()["content_hash"]},
    )
    versions = (await stack.http.get(f"/workflows/{name}/versions")).json()["items"]
    assert [(one["version"], one["live"]) for one in versions] == [(2, False), (1, True)]
    assert versions[1]["note"] == "why"
    assert {"version", "content_hash", "note", "created_at", "created_by", "live"} <= set(versions[0])


async def test_rollback_makes_an_older_version_live_and_leaves_the_draft_alone(stack: Stack) -> None:
    name = await stack.deploy(TEXT % 1)
    draft = await save(stack, name, TEXT % 2, 1)
    await stack.http.post(f"/workflows/{name}/deploy", json={})
    assert (await stack.again(name))["output"] == 2
    back = await stack.http.post(f"/workflows/{name}/versions/1/rollback", json={"note": "two was wrong"})
    assert (back.json()["version"], back.json()["live"]) == (1, True)
    assert (await stack.again(name))["output"] == 1
    now = (await stack.http.get(f"/workflows/{name}/draft")).json()
    assert (now["document"], now["content_hash"]) == (draft["document"], draft["content_hash"])


async def test_a_run_keeps_the_version_that_it_began_with(stack: Stack) -> None:
    text = "steps: {w: {module: core.wait_for_event, inputs: {}}, a: {module: core.set, inputs: {values: {n: %d}}}}\nedges: w > a\noutput: '{{ steps.a.output.n }}'"
    name = await stack.deploy(text % 1)
    run_id = await stack.start(name)
    url = (await stack.waits(run_id, "event"))["resume_url"]
    await save(stack, name, text % 2, 1)
    await stack.http.post(f"/workflows/{name}/deploy", json={})
    await stack.outside.post(url, json={})
    ran = await stack.end(run_id)
    assert (ran["output"], ran["version"]) == (1, 1)


async def test_the_hash_is_sha_256_over_canonical_json_without_layout(stack: Stack) -> None:
    made = stack.document("description: 'é ü'\noutput: {b: 9223372036854775807, a: 1.5}\nlayout: {}")
    answer = (await stack.http.post("/workflows", json={"document": made})).json()
    draft = (await stack.http.get(f"/workflows/{made['name']}/draft")).json()
    document = {key: value for key, value in answer["draft"]["document"].items() if key != "layout"}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert draft["content_hash"] == hashlib.sha256(canonical).hexdigest()


async def test_diff_is_by_step_input_and_edge(stack: Stack) -> None:
    name = await stack.deploy(
        "steps: {a: {module: core.set, inputs: {values: {n: 1}}}, b: {module: core.set, inputs: {values: {}}}}\nedges: a > b"
    )
    await save(
        stack,
        name,
        "steps: {a: {module: core.set, inputs: {values: {n: 2}}}, c: {module: core.set, inputs: {values: {}}}}\nedges: a > c\noutput: 1",
        1,
    )
    found = (await stack.http.get(f"/workflows/{name}/diff", params={"from": "1", "to": "draft"})).json()
    assert [(one["id"], one["change"]) for one in found["steps"]] == [
        ("a", "changed"),
        ("b", "removed"),
        ("c", "added"),
    ]
    [changed] = found["steps"][0]["inputs"]
    assert (changed["from"], changed["to"]) == (1, 2)
    assert {(one["change"], one["edge"]["to"]) for one in found["edges"]} == {("removed", "b"), ("added", "c")}
    assert [one["path"] for one in found["other"]] == ["/output"]


async def test_the_schema_of_documents_is_published_and_holds(stack: Stack) -> None:
    import jsonschema

    answer = await stack.http.get("/schema")
    assert answer.status_code == 200
    schema = answer.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    assert list(checker.iter_errors(stack.document(WHOLE))) == []
    assert list(checker.iter_errors(stack.document(WHOLE, extra=1))) != []


@pytest.mark.parametrize(("log", "kept"), [("full", True), ("errors", False), ("none", False)])
async def test_settings_log_says_what_is_kept(stack: Stack, log: str, kept: bool) -> None:
    name = await stack.deploy(
        f"settings: {{log: {log}}}\nsteps: {{a: {{module: core.assert, inputs: {{condition: '{{{{ input.ok }}}}', message: m}}}}}}"
    )
    good = await stack.again(name, {"ok": True})
    assert (good.row("a")["input"] is not None) is kept
    bad = await stack.again(name, {"ok": False})
    assert (bad.row("a")["input"] is not None) is (log != "none")
    assert bad.row("a")["error"]["code"] == "assert.failed"
    replay = await stack.http.post(f"/runs/{bad['run_id']}/replay", json={"from_step": "a"})
    assert replay.status_code == (422 if log == "none" else 202)
