"""Each construct of a document, run end to end by Temporal, with what its log then says."""

from __future__ import annotations

from tests.fixtures.carrier import Carrier
from tests.fixtures.flows import flow, step


async def log(carrier: Carrier, run_id: object) -> list[tuple[str, int, str]]:
    return [(row.path, row.attempt, row.status) for row in await carrier.steps(str(run_id))]


async def test_pure_steps_end_in_one_commit(carrier: Carrier) -> None:
    document = flow(
        "{{ steps.b.output.y }}",
        a=step("core.set", values={"x": "{{ input.n }}"}),
        b=step("core.set", values={"y": "{{ steps.a.output.x + 1 }}"}, after="a"),
    )
    run = await carrier.run(document, {"n": 41})
    assert (run.status, run.output) == ("succeeded", 42)
    assert await log(carrier, run.run_id) == [("a", 1, "succeeded"), ("b", 1, "succeeded")]
    assert run.event_seq == 4  # accepted, two rows, ended: one record


async def test_branches_skip_and_join(carrier: Carrier) -> None:
    document = flow(
        "{{ steps.end.output.seen }}",
        big=step("core.if", condition="{{ input > 10 }}"),
        yes=step("core.set", values={"v": 1}, after="big:true"),
        no=step("core.set", values={"v": 2}, after="big:false"),
        end=step("core.set", values={"seen": "{{ steps.yes.output.v | default('skipped') }}"}, after="yes no"),
    )
    assert (await carrier.run(document, 11)).output == 1
    run = await carrier.run(document, 1)
    assert run.output == "skipped"
    assert ("yes", 0, "skipped") in await log(carrier, run.run_id)


async def test_a_failure_is_caught_and_finally_runs(carrier: Carrier) -> None:
    document = flow(
        {
            "status": "{{ steps.t.output.status }}",
            "why": "{{ steps.c.output.code }}",
            "after": "{{ steps.f.output.v }}",
        },
        t=step("core.try"),
        boom=step("core.fail", code="my.code", message="no", parent="t:body"),
        c=step("core.set", values={"code": "{{ error.code }}"}, parent="t:catch"),
        f=step("core.set", values={"v": "{{ error.code }}"}, parent="t:finally"),
    )
    run = await carrier.run(document)
    assert run.output == {"status": "caught", "why": "my.code", "after": "my.code"}


async def test_a_wait_shows_as_waiting_and_ends(carrier: Carrier) -> None:
    run_id = await carrier.start(flow(w=step("core.wait", duration="1s")))
    waiting = await carrier.until(run_id, lambda row: row.status == "waiting")
    (row,) = await carrier.steps(run_id)
    assert (row.status, row.wait_kind) == ("waiting", "timer")
    assert row.wait_until is not None
    run = await carrier.end(run_id)
    assert run.status == "succeeded"
    assert waiting.started_at == run.started_at


async def test_an_event_posted_while_waiting_ends_the_wait(carrier: Carrier) -> None:
    run_id = await carrier.start(flow("{{ steps.e.output.answer }}", e=step("core.wait_for_event", timeout="1h")))
    await carrier.until(run_id, lambda row: row.status == "waiting")
    await carrier.post(run_id, "e", {"answer": "\ud800 yes \x00"})
    assert (await carrier.end(run_id)).output == "\ud800 yes \x00"


async def test_an_event_posted_before_the_wait_is_kept_for_it(carrier: Carrier) -> None:
    document = flow(
        "{{ steps.e.output }}",
        w=step("core.wait", duration="1s"),
        e=step("core.wait_for_event", timeout="1h", after="w"),
    )
    run_id = await carrier.start(document)
    await carrier.until(run_id, lambda row: row.status == "waiting")
    await carrier.post(run_id, "e", 5)
    assert (await carrier.end(run_id)).output == 5


async def test_an_event_that_nobody_posts_times_out(carrier: Carrier) -> None:
    run = await carrier.run(flow(e=step("core.wait_for_event", timeout="0.5s")))
    assert run.status == "failed"
    assert isinstance(run.error, dict)
    assert run.error["code"] == "event.timeout"


async def test_a_child_gives_its_output_to_its_parent(carrier: Carrier) -> None:
    await carrier.define(flow("{{ input * 2 }}", name="twice", a=step("core.set", values={})))
    document = flow("{{ steps.call.output }}", call=step("core.subworkflow", workflow="twice", input=21))
    run = await carrier.run(document)
    assert (run.status, run.output) == ("succeeded", 42)
    (row,) = await carrier.steps(str(run.run_id))
    assert row.child_run_id is not None
    child = await carrier.row(str(row.child_run_id))
    assert (child.status, child.parent_path, child.depth) == ("succeeded", "call", 1)


async def test_cancelling_a_parent_cancels_its_child(carrier: Carrier) -> None:
    await carrier.define(flow(name="slow", w=step("core.wait", duration="1h")))
    run_id = await carrier.start(flow(call=step("core.subworkflow", workflow="slow")))
    await carrier.until(run_id, lambda row: row.status == "waiting")
    (row,) = await carrier.steps(run_id)
    assert row.child_run_id is not None
    await carrier.until(str(row.child_run_id), lambda row: row.status == "waiting")
    await carrier.cancel(run_id)
    assert (await carrier.end(run_id)).status == "cancelled"
    assert (await carrier.end(str(row.child_run_id))).status == "cancelled"


async def test_a_run_over_its_time_ends_timed_out_after_finally(carrier: Carrier) -> None:
    document = flow(
        settings={"timeout": "1s"},
        t=step("core.try"),
        w=step("core.wait", duration="1h", parent="t:body"),
        f=step("core.set", values={"v": 1}, parent="t:finally"),
    )
    run = await carrier.run(document)
    assert run.status == "timed_out"
    assert ("t.f", 1, "succeeded") in await log(carrier, run.run_id)


async def test_loops_move_to_new_histories(carrier: Carrier) -> None:
    document = flow(
        "{{ steps.each.output | sum }}",
        each=step("core.for_each", items="{{ input }}", collect="{{ steps.one.output.n }}"),
        one=step("core.set", values={"n": "{{ item * 2 }}"}, parent="each"),
    )
    run = await carrier.run(document, list(range(6_000)))
    assert (run.status, run.output) == ("succeeded", 6_000 * 5_999)
    description = await carrier.client.get_workflow_handle(str(run.run_id)).describe()
    assert description.history_length < 200
    rows = await carrier.steps(str(run.run_id))
    assert len(rows) == 6_001
    assert {row.status for row in rows} == {"succeeded"}


async def test_a_run_that_moves_while_a_branch_waits_goes_on_with_that_wait(carrier: Carrier) -> None:
    document = flow(
        ["{{ steps.e.output }}", "{{ steps.loop.output.iterations }}"],
        e=step("core.wait_for_event", timeout="1h"),
        loop=step("core.while", condition="{{ index < 6000 }}", max_iterations=10_000),
        one=step("core.set", values={"n": "{{ index }}"}, parent="loop"),
    )
    run_id = await carrier.start(document)

    async def looped(row: object) -> bool:
        return ("loop", 1, "succeeded") in await log(carrier, run_id)

    await carrier.until(run_id, looped)
    await carrier.post(run_id, "e", "here")
    run = await carrier.end(run_id)
    assert run.output == ["here", 6_000]
    history = await carrier.client.get_workflow_handle(run_id).describe()
    assert history.run_id != history.raw_description.workflow_execution_info.first_run_id
