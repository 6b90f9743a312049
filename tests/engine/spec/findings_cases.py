"""One small document for each finding: what is wrong in it, and where the finding must point.

`steps` of a case are written short: `module` alone gets version 1, and `set` stands for a `core.set` without values.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.expressions.values import Json
from engine.spec.catalog import KnownQueue, WorkspaceView
from engine.spec.document import JsonObject
from engine.spec.finding import Severity

QUEUE_ID = "01a20653-2417-7c34-b65c-12aff05c02ce"
WORKSPACE = WorkspaceView(
    frozenset({"URL", "TOKEN"}),
    frozenset({"TOKEN"}),
    {"shop": "shop"},
    [KnownQueue("letters", QUEUE_ID), KnownQueue("parcels", "01a20653-2417-7c34-b65c-12aff05c02cf", "other")],
)
SET: JsonObject = {"module": "core.set", "version": 1, "inputs": {"values": {}}}


@dataclass(frozen=True)
class Case:
    code: str
    path: str
    document: Json
    severity: Severity = "error"
    says: str = ""
    deploy: bool = False
    media: str = field(default="")


def doc(steps: JsonObject | None = None, *edges: str, **more: Json) -> JsonObject:
    """A document; an edge is `a > b` or `a:handle > b`."""
    document: JsonObject = {"schema_version": 1, "name": "case"}
    if steps is not None:
        document["steps"] = {id_: SET if step == "set" else step for id_, step in steps.items()}
    rows: list[Json] = []
    for edge in edges:
        source, target = edge.split(" > ")
        id_, _, handle = source.partition(":")
        rows.append({"from": id_, "to": target, **({"handle": handle} if handle else {})})
    if rows:
        document["edges"] = rows
    return {**document, **more}


def step(module: str, parent: str | None = None, slot: str | None = None, **inputs: Json) -> JsonObject:
    made: JsonObject = {"module": module, "version": 1, "inputs": inputs}
    if parent is not None:
        made["parent"] = parent
    if slot is not None:
        made["slot"] = slot
    return made


def consumer(queue: str, **more: Json) -> JsonObject:
    return {"module": "queue.consumer", "version": 1, "inputs": {"queue": queue}, **more}


def mail(alias: str) -> JsonObject:
    return {"module": "email.trigger", "version": 1, "inputs": {"alias": alias}}


def values(of: Json, parent: str | None = None, slot: str | None = None) -> JsonObject:
    return step("core.set", parent, slot, values={"v": of})


HOOK: JsonObject = {"module": "webhook.trigger", "version": 1}
LOOP = step("core.for_each", items=[1])
GET = step("http.request", url="https://x.example")

CASES: list[Case] = [
    # values that no document can hold
    Case("text.nul", "/title", doc(title="a\x00b")),
    Case("text.surrogate", "/description", doc(description="\ud800")),
    Case("number.invalid", "/output/0", doc(output=[float("nan")])),
    Case("number.invalid", "/output", doc(output=2**64)),
    Case("limit.size", "", doc(description="x" * 9000, output="x" * 2**20)),
    Case("limit.steps", "/steps", doc({f"s{n}": "set" for n in range(1001)}), says="1,001 steps"),
    Case("limit.nesting", "/steps/n9", doc({"n0": LOOP} | {f"n{n}": step("core.try", f"n{n - 1}") for n in range(1, 10)})),
    # form
    Case("document.shape", "", [1], says="an object is needed"),
    Case("document.shape", "/edges", doc(edges={})),
    Case("document.shape", "/steps/a/join", doc({"a": {**SET, "join": "some"}})),
    Case("document.shape", "/edges/0/handle", doc({"a": "set", "b": "set"}, edges=[{"from": "a", "handle": True, "to": "b"}]),
         says="in quotes"),
    Case("document.key.unknown", "/stepz", doc(stepz={}), says="did you mean 'steps'?"),
    Case("document.key.unknown", "/steps/a/on_eror", doc({"a": {**SET, "on_eror": "fail"}}), says="on_error"),
    Case("document.key.missing", "", {"schema_version": 1}, says="'name'"),
    Case("document.key.missing", "/steps/a", doc({"a": {}}), says="'module'"),
    Case("document.schema_version", "/schema_version", {"schema_version": 2, "name": "a"}),
    Case("name.invalid", "/name", doc(name="Order Intake")),
    Case("id.invalid", "/steps/Bad-Id", doc({"Bad-Id": "set"})),
    Case("id.taken", "/steps/hook", doc({"hook": "set"}, triggers={"hook": HOOK})),
    Case("duration.invalid", "/settings/timeout", doc(settings={"timeout": "1 week"})),
    Case("duration.invalid", "/steps/a/timeout", doc({"a": {**SET, "timeout": -1}})),
    Case("duration.invalid", "/steps/a/throttle/per", doc({"a": {**GET, "throttle": {"key": "k", "count": 1, "per": 0}}})),
    Case("duration.invalid", "/steps/a/throttle/per", doc({"a": {**GET, "throttle": {"key": "k", "count": 1, "per": "0s"}}})),
    Case("schema.invalid", "/input_schema/type", doc(input_schema={"type": "objekt"})),
    Case("schema.invalid", "/steps/a/inputs/schema/properties", doc({"a": step("core.validate", data=1, schema={"properties": 1})})),
    # modules
    Case("module.unknown", "/steps/a/module", doc({"a": step("core.sett")}), says="core.set"),
    Case("module.version.unknown", "/steps/a/version", doc({"a": {"module": "core.set", "version": 99}}), says="newest is 1"),
    Case("module.version.missing", "/steps/a", doc({"a": {"module": "core.set", "inputs": {"values": {}}}}), deploy=True),
    Case("module.kind", "/steps/a/module", doc({"a": step("webhook.trigger")})),
    Case("module.kind", "/triggers/a/module", doc(triggers={"a": SET})),
    Case("input.schema", "/steps/a/inputs/concurrency", doc({"a": step("core.for_each", items=[], concurrency=0)})),
    Case("input.schema", "/steps/a/inputs/items", doc({"a": step("core.for_each", items="rows: {{ input }}")}),
         says="always text"),
    Case("input.schema", "/steps/a/inputs/values", doc({"a": step("core.set", values="x")})),
    Case("input.schema", "/triggers/h/inputs/mode", doc(triggers={"h": {**HOOK, "inputs": {"mode": "{{ vars.URL }}"}}})),
    Case("input.schema", "/steps/a/inputs/values", doc({"a": step("core.set", values={"$literal": 1})})),
    Case("input.schema", "/steps/a/inputs/headers/$literal/x", doc({"a": step("http.request", url="u", headers={"$literal": {"x": []}})})),
    Case("input.unknown", "/steps/a/inputs/ulr", doc({"a": step("http.request", ulr="x", url="x")}), says="did you mean 'url'?"),
    Case("input.missing", "/steps/a/inputs", doc({"a": step("core.if")}), says="'condition'"),
    Case("input.missing", "/steps/a", doc({"a": {"module": "core.if", "version": 1}}), says="'condition'"),
    Case("input.constant", "/steps/a/inputs/cases", doc({"a": step("core.switch", cases="{{ input.cases }}")})),
    # containers
    Case("parent.unknown", "/steps/a/parent", doc({"each": LOOP, "a": {**SET, "parent": "eahc"}}), says="did you mean 'each'?"),
    Case("parent.not_container", "/steps/a/parent", doc({"b": "set", "a": {**SET, "parent": "b"}})),
    Case("parent.not_container", "/steps/a/parent", doc({"a": {**SET, "parent": "h"}}, triggers={"h": HOOK})),
    Case("parent.cycle", "/steps/a/parent", doc({"a": step("core.try", "b"), "b": step("core.try", "a")})),
    Case("slot.unknown", "/steps/a/slot", doc({"t": step("core.try"), "a": {**SET, "parent": "t", "slot": "cath"}}), says="catch"),
    Case("slot.unknown", "/steps/a/slot", doc({"a": {**SET, "slot": "body"}})),
    Case("slot.empty", "/steps/each", doc({"each": LOOP}), "warning"),
    Case("break.outside_loop", "/steps/a", doc({"t": step("core.try"), "a": step("core.break", "t")})),
    Case("break.outside_loop", "/steps/a", doc({"a": step("core.continue")})),
    Case("set_state.outside_while", "/steps/a", doc({"each": LOOP, "a": step("core.set_state", "each", state={})})),
    Case("loop.sinks", "/steps/each", doc({"each": LOOP, "a": {**SET, "parent": "each"}, "b": {**SET, "parent": "each"}})),
    Case("try.sinks", "/steps/t", doc({"t": step("core.try"), "a": {**SET, "parent": "t"}, "b": {**SET, "parent": "t"}}), "info"),
    # edges
    Case("edge.unknown", "/edges/0/to", doc({"total": "set"}, "total > totl"), says="did you mean 'total'?"),
    Case("edge.unknown", "/edges/0/from", doc({"a": "set"}, "x > a")),
    Case("edge.trigger", "/edges/0/to", doc({"a": "set"}, "a > h", triggers={"h": HOOK})),
    Case("edge.container", "/edges/0", doc({"each": LOOP, "a": {**SET, "parent": "each"}, "b": "set"}, "b > a")),
    Case("edge.container", "/edges/0", doc({"each": LOOP, "a": {**SET, "parent": "each"}}, "h > a", triggers={"h": HOOK})),
    Case("edge.container", "/edges/0", doc({"t": step("core.try"), "a": {**SET, "parent": "t"}, "b": values(1, "t", "catch")},
                                           "a > b")),
    Case("edge.cycle", "/edges/2", doc({"a": "set", "b": "set", "c": "set"}, "a > b", "b > c", "c > a")),
    Case("edge.cycle", "/edges/0", doc({"a": "set"}, "a > a"), says="itself"),
    Case("edge.duplicate", "/edges/1", doc({"a": "set", "b": "set"}, "a > b", "a:out > b"), "warning"),
    Case("handle.unknown", "/edges/0/handle", doc({"a": step("core.if", condition=1), "b": "set"}, "a:treu > b"), says="true"),
    Case("handle.unknown", "/edges/0", doc({"a": step("core.if", condition=1), "b": "set"}, "a > b"), says="'out'"),
    Case("handle.unknown", "/edges/0/handle", doc({"a": "set", "b": "set"}, "a:error > b"), says="on_error: branch"),
    Case("handle.unknown", "/edges/0", doc({"a": step("core.stop"), "b": "set"}, "a > b"), says="nothing follows"),
    Case("handle.unknown", "/edges/0/handle", doc({"a": "set"}, "h:true > a", triggers={"h": HOOK})),
    Case("handle.unused", "/steps/a/on_error", doc({"a": {**GET, "on_error": "branch"}}), "warning"),
    Case("handle.unused", "/steps/a/inputs/timeout", doc({"a": step("core.wait_for_event", timeout="1h")}), "info"),
    Case("step.never_runs", "/steps/b", doc({"a": "set", "b": "set"}, "h > a", triggers={"h": HOOK}), "warning"),
    Case("respond.unheard", "/steps/a", doc({"a": step("core.respond")}, "h > a", triggers={"h": HOOK}), "info"),
    # expressions
    Case("expression.syntax", "/steps/a/inputs/values/v", doc({"a": values("{{ 1 + }}")})),
    Case("expression.syntax", "/steps/a/inputs/values/v", doc({"a": values({"$literal": 1, "more": 2})}), says="only key"),
    Case("expression.syntax", "/steps/a/inputs/template", doc({"a": step("text.template", template="{% for %}", data={})})),
    Case("expression.filter", "/output", doc(output="{{ input | uper }}"), says="upper"),
    Case("reference.unknown", "/output", doc({"total": "set"}, output="{{ steps.totl.output }}"), says="did you mean 'total'?"),
    Case("reference.unknown", "/output", doc({"a": "set"}, output="{{ steps.a.outptu }}"), says="output"),
    Case("reference.unknown", "/output", doc({"a": "set"}, output="{{ steps.a.resume_url }}"), says="resume address"),
    Case("reference.unknown", "/output", doc(output="{{ item.x }}"), says="core.for_each"),
    Case("reference.unknown", "/output", doc(output="{{ error.code }}"), says="core.try"),
    Case("reference.unknown", "/output", doc(output="{{ triger.body }}"), says="did you mean 'trigger'?"),
    Case("reference.unknown", "/output", doc(output="{{ trigger.boddy }}"), says="body"),
    Case("reference.unknown", "/output", doc(output="{{ workflow.nam }}"), says="name"),
    Case("reference.unknown", "/output", doc(output="{{ steps.h.output }}", triggers={"h": HOOK}), says="`trigger`"),
    Case("reference.unknown", "/steps/a/inputs/values/v", doc({"each": LOOP, "a": values("{{ loop.state }}", "each")})),
    Case("reference.unknown", "/steps/a/inputs/values/v", doc({"each": LOOP, "a": values("{{ loop.parent.item }}", "each")})),
    Case("reference.unknown", "/settings/concurrency_key", doc({"a": "set"}, settings={"concurrency_key": "{{ steps.a.output }}"})),
    Case("reference.unreachable", "/steps/b/inputs/values/v", doc({"a": "set", "b": values("{{ steps.a.output }}")}),
         says="no path of edges"),
    Case("reference.unreachable", "/steps/b/inputs/values/v", doc({"a": "set", "b": values("{{ steps.a.output }}")}, "b > a")),
    Case("reference.unreachable", "/steps/a/inputs/values/v", doc({"a": values("{{ steps.a.output | default(1) }}")}),
         says="itself"),
    Case("reference.unreachable", "/output", doc({"each": LOOP, "a": {**SET, "parent": "each"}}, output="{{ steps.a.output }}"),
         says="each"),
    Case("reference.unreachable", "/steps/b/inputs/values/v",
         doc({"each": LOOP, "a": {**SET, "parent": "each"}, "b": values("{{ steps.a.output }}")}, "each > b"), says="collect"),
    Case("reference.unreachable", "/steps/a/inputs/values/v", doc({"each": LOOP, "a": values("{{ steps.each.output }}", "each")}),
         says="hasn't ended"),
    Case("reference.dynamic", "/output", doc({"a": "set"}, output="{{ steps[input.which].output }}")),
    Case("reference.dynamic", "/output", doc({"a": "set"}, output="{{ steps }}")),
    Case("reference.dynamic", "/output", doc(output="{{ vars[input.which] }}")),
    Case("secret.misplaced", "/steps/a/inputs/values/v", doc({"a": values("{{ vars.TOKEN | upper }}")},
                                                             requires={"variables": ["TOKEN"]})),
    Case("secret.misplaced", "/output/t", doc(output={"t": "Bearer {{ vars.TOKEN }}"}, requires={"variables": ["TOKEN"]})),
    # needs
    Case("variable.missing", "/requires/variables/0", doc(output="{{ vars.ULR }}", requires={"variables": ["ULR"]}), "warning",
         says="did you mean 'URL'?"),
    Case("variable.missing", "/requires/variables/0", doc(output="{{ vars.X }}", requires={"variables": ["X"]}), deploy=True),
    Case("variable.missing", "/output", doc(output="{{ vars.X }}"), deploy=True),
    Case("variable.unlisted", "/output", doc(output="{{ vars.URL }}"), "warning"),
    Case("variable.unused", "/requires/variables/0", doc(requires={"variables": ["URL"]}), "info"),
    Case("connection.missing", "/requires/connections/crm", doc(requires={"connections": {"crm": {"app": "crm"}}}), "warning"),
    Case("connection.missing", "/requires/connections/crm", doc(requires={"connections": {"crm": {"app": "crm"}}}), deploy=True),
    Case("connection.unlisted", "/steps/a/connection", doc({"a": {**GET, "connection": "shop"}})),
    Case("connection.app", "/requires/connections/shop/app", doc(requires={"connections": {"shop": {"app": "crm"}}}), "warning"),
    Case("connection.unused", "/requires/connections/shop", doc(requires={"connections": {"shop": {"app": "shop"}}}), "info"),
    # queues
    Case("queue.unknown", "/triggers/t/inputs/queue", doc(triggers={"t": consumer("leters")}), "warning", says="'letters'"),
    Case("queue.unknown", "/triggers/t/inputs/queue", doc(triggers={"t": consumer("leters")}), deploy=True, says="queue create"),
    Case("queue.unknown", "/steps/a/inputs/queue", doc({"a": step("queue.enqueue", queue="x", items=[])}), "warning"),
    Case("queue.unknown", "/steps/a/inputs/queue", doc({"a": step("queue.enqueue", queue={"$literal": "x"}, items=[])}), deploy=True),
    Case("queue.taken", "/triggers/t/inputs/queue", doc(triggers={"t": consumer("parcels")}), "warning", says="'other'"),
    Case("queue.taken", "/triggers/t/inputs/queue", doc(triggers={"t": consumer("parcels")}), deploy=True),
    Case("queue.twice", "/triggers/u/inputs/queue", doc(triggers={"t": consumer("letters"), "u": consumer(QUEUE_ID)}), says="'t'"),
    Case("input.constant", "/triggers/t/inputs/queue", doc(triggers={"t": consumer("{{ vars.URL }}")})),
    # schedules
    Case("schedule.invalid", "/triggers/t/inputs", doc(triggers={"t": {"module": "schedule.trigger", "version": 1, "inputs": {}}})),
    Case("schedule.invalid", "/triggers/t/inputs/timezone",
         doc(triggers={"t": {"module": "schedule.trigger", "version": 1, "inputs": {"cron": "0 6 * * *", "timezone": "Berlin"}}})),
    # addresses
    Case("alias.invalid", "/triggers/t/inputs/alias", doc(triggers={"t": mail("postmaster")})),
    Case("alias.invalid", "/triggers/t/inputs/alias", doc(triggers={"t": mail("abcdefghijklmnopqrst")}), says="permanent"),
    Case("alias.taken", "/triggers/u/inputs/alias", doc(triggers={"t": mail("box"), "u": mail("box")}), says="'t'"),
    # polls
    Case("poll.invalid", "/triggers/t/inputs", doc(triggers={"t": {"module": "poll.trigger", "version": 1, "inputs": {}}})),
    Case("poll.invalid", "/triggers/t",
         doc(triggers={"t": {"module": "poll.trigger", "version": 1, "inputs": {"query": {"sql": "select 1"}}}})),
    Case("poll.invalid", "/triggers/t/inputs/every",
         doc(triggers={"t": {"module": "poll.trigger", "version": 1, "inputs": {"every": "500ms", "request": {"url": "https://a.example"}}}})),
    Case("input.missing", "/triggers/t/inputs/request",
         doc(triggers={"t": {"module": "poll.trigger", "version": 1, "inputs": {"request": {"method": "GET"}}}}), says="'url'"),
    Case("input.unknown", "/triggers/t/inputs/request/uri",
         doc(triggers={"t": {"module": "poll.trigger", "version": 1, "inputs": {"request": {"url": "https://a.example", "uri": 1}}}})),
    # tests
    Case("test.invalid", "/tests/0/expect/skipped/0", doc({"a": "set"}, tests=[{"name": "t", "expect": {"skipped": ["b"]}}])),
    Case("test.invalid", "/tests/0/mocks/b", doc({"a": "set"}, tests=[{"name": "t", "expect": {}, "mocks": {"b": {"output": 1}}}])),
    Case("test.invalid", "/tests/0/mocks/a", doc({"a": "set"}, tests=[{"name": "t", "expect": {}, "mocks": {"a": {}}}])),
    Case("test.invalid", "/tests/0/trigger_id", doc(tests=[{"name": "t", "expect": {}, "trigger_id": "h"}])),
    Case("test.invalid", "/tests/0/expect/steps/each[0].b",
         doc({"each": LOOP, "a": {**SET, "parent": "each"}, "b": "set"},
             tests=[{"name": "t", "expect": {"steps": {"each[0].b": {}}}}]), says="`b`"),
    Case("test.name_taken", "/tests/1/name", doc(tests=[{"name": "t", "expect": {}}, {"name": "t", "expect": {}}]), "warning"),
]  # fmt: skip

CLEAN: dict[str, JsonObject] = {
    "queues that are there, and what is disabled": doc(
        {
            "a": step("queue.enqueue", queue="parcels", items=["{{ trigger.items }}"]),
            "b": step("queue.enqueue", queue=QUEUE_ID, items=[]),
            "c": step("queue.enqueue", queue="{{ input.queue }}", items=[]),
            "d": {**step("queue.enqueue", queue="nowhere", items=[]), "disabled": True},
        },
        triggers={"t": consumer("letters"), "u": consumer("letters", disabled=True), "v": consumer("nowhere", disabled=True)},
    ),
    "its own queue": {**doc(triggers={"t": consumer("parcels")}), "name": "other"},
    "what ends an iteration is not its result": doc(
        {"each": LOOP, "bad": step("core.if", "each", condition="{{ item }}"), "out": step("core.break", "each"), "a": values(1, "each")},
        "bad:true > out", "bad:false > a",
    ),
    "the outer item": doc(
        {"rows": step("core.for_each", items=[[1]]), "cells": step("core.for_each", "rows", items="{{ item }}"),
         "a": values("{{ loop.parent.item }}{{ loop.parent.index }}{{ item }}", "cells")}
    ),
    "the least": {"schema_version": 1, "name": "least"},
    "upstream in the same slot": doc({"a": "set", "b": "set", "c": values("{{ steps.a.output }}")}, "a > b", "b > c"),
    "upstream of an enclosing container": doc(
        {"a": "set", "each": LOOP, "t": step("core.try", "each"), "b": values("{{ steps.a.output }}", "t")}, "a > each"
    ),
    "inside a try that is upstream": doc(
        {"t": step("core.try"), "a": {**SET, "parent": "t"}, "u": step("core.try", "t"), "i": values(1, "u", "catch"),
         "j": values(1, "u"), "b": values("{{ steps.a.output }}{{ steps.i.status }}")}, "t > b", "u > a"
    ),
    "from catch and finally into the body": doc(
        {"t": step("core.try"), "a": {**SET, "parent": "t"}, "c": values("{{ steps.a.status }} {{ error.code }}", "t", "catch"),
         "f": values("{{ steps.a.status }} {{ error.code | default(none) }}", "t", "finally")}
    ),
    "output reads into a root try": doc({"t": step("core.try"), "a": {**SET, "parent": "t"}}, output="{{ steps.a.output }}"),
    "loops": doc(
        {"each": step("core.for_each", items="{{ input }}", collect="{{ steps.x.output }}{{ index }}{{ item.y }}"),
         "x": values("{{ item }}{{ index }}{{ loop.first }}", "each"), "y": values("{{ loop.length }}", "each"),
         "w": step("core.while", "each", condition="{{ loop.state.n < 3 and index < 9 }}", state={"n": 0}),
         "s": step("core.set_state", "w", state={"n": "{{ loop.state.n + 1 + loop.parent.index + item.n }}"})},
        "x > w", "y > w",
    ),
    "a resume address needs no edge": doc(
        {"mail": values("{{ steps.wait.resume_url }}"), "wait": step("core.wait_for_event"), "each": LOOP,
         "inner": values("{{ steps.wait.resume_url }}", "each")}
    ),
    "literals and raw fields are not read": doc(
        {"a": values({"$literal": "{{ nothing"}), "v": step("core.validate", data=1, schema={"const": "{{ x }}"}),
         "d": step("data.transform", language="jmespath", expression="{{ no", data={})}
    ),
    "guarded names of the trigger": doc(output="{{ trigger.custom | default(1) }} {{ trigger.body.a.b }} {{ input.x }}"),
    "an input by expression": doc({"a": step("core.for_each", items="{{ input }}", concurrency="{{ input.n }}", collect=1),
                                   "b": {**SET, "parent": "a"}}),
    "later fields of a page": doc(
        {"a": step("http.request", url="https://x.example/{{ vars.URL }}", headers={"authorization": "{{ vars.TOKEN | trim }}"},
                   pagination={"next": "{{ body.next | default(none) }}"})}, requires={"variables": ["URL", "TOKEN"]},
    ),
    "a switch": doc({"s": step("core.switch", value=1, cases=[{"handle": "one", "equals": 1}, {"handle": "two", "when": "{{ input }}"}]),
                     "a": "set", "b": "set", "c": "set"}, "s:one > a", "s:two > b", "s:default > c"),
    "a branch on errors": doc({"a": {**GET, "on_error": "branch"}, "b": "set", "c": "set"}, "a > b", "a:error > c"),
    "a disabled step gives out": doc({"a": {**step("core.if", condition=1), "disabled": True}, "b": "set"}, "a > b"),
    "a dedupe key": doc({"a": "set"}, "h > a", triggers={"h": {**HOOK, "inputs": {"dedupe_key": "{{ trigger.body.id }}{{ input.x }}"}}}),
    "tests by path": doc({"each": step("core.for_each", items=[1], collect=None), "a": {**GET, "parent": "each"}},
                         tests=[{"name": "t", "mocks": {"each[0].a": {"output": 1}, "a": [{"error": {"code": "http.500"}}]},
                                 "expect": {"status": "succeeded", "steps": {"each[0].a": {"status": "succeeded"}}}}]),
}  # fmt: skip
