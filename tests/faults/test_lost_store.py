"""Temporal's store is lost: the walk over open runs finds out and starts them again from what their logs have."""

from __future__ import annotations

import pytest

from tests.faults.scenes import STEPS, begin, call, ends_well
from tests.faults.stand import Stand, repeated
from tests.fixtures.flows import flow, step


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_open_runs_are_taken_up_from_their_logs_without_a_restart(stand: Stand) -> None:
    url = stand.ledger.url
    name = await stand.deploy(
        flow(
            "{{ steps.sum.output }}",
            name="gated",
            before=step("http.request", method="POST", url=f"{url}/gated/before"),
            gate=step("core.wait_for_event", after="before"),
            each=step("core.for_each", items=list(range(700)), collect="{{ item }}", after="gate"),
            one=step("core.set", values={"n": "{{ item }}"}, parent="each"),
            sum=step("core.set", values={"n": "{{ steps.each.output | sum }}"}, after="each"),
            end=step("http.request", method="POST", url=f"{url}/gated/end", after="sum"),
        )
    )
    waiting = [await stand.start(name) for _ in range(5)]
    for run_id in waiting:
        await stand.when(run_id, lambda run: run["status"] == "waiting")
    resume = {run_id: (await stand.steps(run_id))[1]["resume_url"] for run_id in waiting}
    async with stand.without("temporal"):
        lose_the_store(stand)
        for address in resume.values():
            assert (await stand.http.post(address, json={"go": True})).status_code == 200
    for run_id in waiting:
        run = await stand.ended(run_id)
        assert (run["status"], run["output"]) == ("succeeded", {"n": sum(range(700))})
        rows = await stand.attempts(run_id)
        assert repeated(rows) == []
        assert {(number, status) for _, number, status in rows} == {(1, "succeeded")}
    assert await stand.ledger.counts("/gated/") == {"/gated/before": 5, "/gated/end": 5}


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_store_that_is_lost_while_all_is_down_repeats_only_what_was_in_flight(stand: Stand) -> None:
    url = stand.ledger.url
    run_id = await begin(stand, "lost")
    once = await stand.deploy(
        flow(
            name="lost_once",
            a=call(url, "/lost_once/a", "POST", retry={"on_lost": "fail"}),
            b=call(url, "/never", after="a"),
        )
    )
    await stand.ledger.hold("/lost_once/a")
    failing = await stand.start(once)
    await stand.ledger.arrived("/lost_once/a")

    await stand.restart(between=lambda: lose_the_store(stand))
    await stand.ledger.release("/lost_once/a")
    rows = await ends_well(stand, run_id, "lost")
    assert ("write", 1, "failed") in rows
    assert ("write", 2, "succeeded") in rows
    assert await stand.ledger.counts("/lost/") == {f"/lost/{path}": 1 for path in STEPS if path != "wait"} | {
        "/lost/read": 2,
        "/lost/write": 2,
    }
    run = await stand.ended(failing)
    assert (run["status"], run["error"]["code"]) == ("failed", "worker.lost")
    assert await stand.ledger.counts("/lost_once/") == {"/lost_once/a": 1}


def lose_the_store(stand: Stand) -> None:
    for file in (stand.home / "temporal").glob("temporal.db*"):
        file.unlink()
