"""Execution, rules 2 to 4: ends, handles, joins, and what goes at the same time."""

from __future__ import annotations

import asyncio

import pytest

from tests.fixtures.http_server import Answer, Request
from tests.fixtures.stack import Stack


# What follows a step that fails: the handle, what its output and status read as, and which edges are taken.
@pytest.mark.parametrize(
    ("on_error", "handle", "run", "after", "caught"),
    [
        ("continue", "out", "succeeded", "succeeded", "skipped"),
        ("branch", "error", "succeeded", "skipped", "succeeded"),
        ("fail", None, "failed", None, None),
    ],
)
async def test_what_a_failed_step_gives(
    stack: Stack, on_error: str, handle: str | None, run: str, after: str | None, caught: str | None
) -> None:
    error_edge = ", bad:error > caught" if on_error == "branch" else ""
    ran = await stack.run(f"""
steps:
  bad: {{module: core.fail, on_error: {on_error}, inputs: {{code: my.code, message: no}}}}
  after: {{module: core.set, inputs: {{values: {{status: "{{{{ steps.bad.status }}}}", error: "{{{{ steps.bad.error.code }}}}",
           output: "{{{{ steps.bad.output | default('undefined') }}}}"}}}}}}
  caught: {{module: core.set, inputs: {{values: {{}}}}}}
edges: bad > after{error_edge or ", bad > caught"}
""")
    row = ran.row("bad")
    assert (ran["status"], row["status"], row["handle"], row["output"]) == (run, "failed", handle, None)
    assert row["error"]["code"] == "my.code"
    if on_error == "continue":
        assert ran.row("after")["output"] == {"status": "failed", "error": "my.code", "output": None}
    if on_error == "branch":
        assert ran.statuses == {"bad": "failed", "after": after, "caught": caught}


async def test_on_error_branch_that_succeeds_gives_out_only(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  ok: {module: core.set, on_error: branch, inputs: {values: {}}}
  after: {module: core.set, inputs: {values: {}}}
  caught: {module: core.set, inputs: {values: {}}}
edges: ok > after, ok:error > caught
""")
    assert ran.statuses == {"ok": "succeeded", "after": "succeeded", "caught": "skipped"}


async def test_skipped_steps_give_no_handle_and_have_attempt_0(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  when: {module: core.if, inputs: {condition: "{{ false }}"}}
  a: {module: core.set, inputs: {values: {}}}
  b: {module: core.set, inputs: {values: {}}}
  c: {module: core.set, inputs: {values: {a: "{{ steps.a.status }}", out: "{{ steps.a.output | default('none') }}", err: "{{ steps.a.error }}"}}}
edges: "when:true > a, a > b, when:false > c, a > c"
""")
    assert ran.statuses == {"when": "succeeded", "a": "skipped", "b": "skipped", "c": "succeeded"}
    assert [(ran.row(id_)["attempt"], ran.row(id_)["handle"]) for id_ in "abc"] == [(0, None), (0, None), (1, "out")]
    assert ran.row("when")["handle"] == "false"
    assert ran.row("c")["output"] == {"a": "skipped", "out": "none", "err": None}


async def test_a_disabled_step_says_skipped_and_gives_out(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  off: {module: core.fail, disabled: true, inputs: {message: never}}
  whole: {module: core.try, disabled: true}
  inner: {module: core.fail, parent: whole, inputs: {message: never}}
  choice: {module: core.if, disabled: true, inputs: {condition: "{{ true }}"}}
  yes: {module: core.set, inputs: {values: {}}}
  after: {module: core.set, inputs: {values: {out: "{{ steps.off.output | default('none') }}"}}}
edges: "off > after, whole > after, choice:true > yes"
""")
    assert ran["status"] == "succeeded"
    assert (ran.row("off")["status"], ran.row("off")["handle"], ran.row("off")["attempt"]) == ("skipped", "out", 0)
    assert (ran.row("whole")["status"], ran.row("whole")["handle"]) == ("skipped", "out")
    assert ran.row("after")["output"] == {"out": "none"}
    assert ran.statuses["yes"] == "skipped"  # what passes through gives `out`, and `true` is not `out`


JOIN = """
steps:
  when: {module: core.if, inputs: {condition: "{{ input.left }}"}}
  left: {module: core.set, inputs: {values: {}}}
  right: {module: core.set, inputs: {values: {}}}
  none: {module: core.if, inputs: {condition: "{{ false }}"}}
  never: {module: core.set, inputs: {values: {}}}
  every: {module: core.set, join: all, inputs: {values: {}}}
  some: {module: core.set, join: any, inputs: {values: {}}}
  every_none: {module: core.set, join: all, inputs: {values: {}}}
  some_none: {module: core.set, join: any, inputs: {values: {}}}
edges: "when:true > left, when:false > right, none:true > never, left > every, right > every, never > every, left > some, right > some, never > some,
        never > every_none, none:true > every_none, never > some_none, none:true > some_none"
"""


@pytest.mark.parametrize("left", [True, False])
async def test_both_joins_run_when_one_edge_is_taken_and_are_skipped_when_none_is(stack: Stack, left: bool) -> None:
    ran = await stack.run(JOIN, {"left": left})
    assert ran.statuses["left"] == ("succeeded" if left else "skipped")
    assert (ran.statuses["every"], ran.statuses["some"]) == ("succeeded", "succeeded")
    assert (ran.statuses["every_none"], ran.statuses["some_none"]) == ("skipped", "skipped")
    assert len(ran.attempts("some")) == 1


async def test_join_all_waits_for_every_edge_and_any_for_the_first(stack: Stack) -> None:
    gate = asyncio.Event()

    async def held(_: Request) -> Answer:
        await gate.wait()
        return Answer.of_json({})

    stack.web.handle("GET", "/flow/slow", held)
    stack.web.answer("GET", "/flow/told", Answer.of_json({}))
    run_id = await stack.start(
        await stack.deploy("""
steps:
  fast: {module: core.set, inputs: {values: {}}}
  slow: {module: http.request, inputs: {url: "$WEB/flow/slow"}}
  first: {module: core.set, join: any, inputs: {values: {fast: "{{ steps.fast.status }}", slow: "{{ steps.slow.status }}",
          out: "{{ steps.slow.output | default('none') }}"}}}
  tell: {module: http.request, inputs: {url: "$WEB/flow/told"}}
  all: {module: core.set, inputs: {values: {slow: "{{ steps.slow.status }}"}}}
edges: fast > first, slow > first, first > tell, fast > all, slow > all
""")
    )
    await stack.comes("/flow/told")  # `first` ran, while `slow` is still held
    gate.set()
    ran = await stack.end(run_id)
    first = ran.row("first")["output"]
    assert (first["fast"], first["out"]) == ("succeeded", "none")
    assert first["slow"] in {"pending", "running"}
    assert ran.row("all")["output"] == {"slow": "succeeded"}
    assert ran.row("slow")["status"] == "succeeded"  # the run waited for it
    assert len(ran.attempts("first")) == 1


async def test_ready_steps_run_at_the_same_time(stack: Stack) -> None:
    together = asyncio.Barrier(4)

    async def meet(_: Request) -> Answer:
        await together.wait()
        return Answer.of_json({})

    stack.web.handle("GET", "/flow/meet", meet)
    ran = await stack.run(
        f"steps: {{{', '.join(f'{id_}: {{module: http.request, inputs: {{url: $WEB/flow/meet}}}}' for id_ in 'abcd')}}}"
    )
    assert ran["status"] == "succeeded"


async def test_where_order_must_be_fixed_it_is_by_step_id(stack: Stack) -> None:
    ran = await stack.run("""
steps:
  loop: {module: core.while, inputs: {condition: "{{ index < 1 }}", state: {last: none}}}
  zeta: {module: core.set_state, parent: loop, inputs: {state: {last: zeta}}}
  beta: {module: core.set_state, parent: loop, inputs: {state: {last: beta}}}
  mid: {module: core.set_state, parent: loop, inputs: {state: {last: mid}}}
output: "{{ steps.loop.output.state.last }}"
""")
    assert ran["output"] == "zeta"
    assert [row["step"] for row in ran.rows if row["step"] != "loop"] == ["beta", "mid", "zeta"]
