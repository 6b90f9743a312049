"""Temporal's store is lost under a running stack: the walk over open runs finds out and starts them again."""

from __future__ import annotations

import pytest

from tests.faults.stand import Stand, repeated
from tests.fixtures.flows import flow, step


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_open_runs_are_taken_up_from_their_logs_without_a_restart(stand: Stand) -> None:
    url = stand.ledger.url
    name = await stand.deploy(
        flow(
            "{{ steps.sum.output }}",
            name="lost",
            before=step("http.request", method="POST", url=f"{url}/lost/before"),
            gate=step("core.wait_for_event", after="before"),
            each=step("core.for_each", items=list(range(700)), collect="{{ item }}", after="gate"),
            one=step("core.set", values={"n": "{{ item }}"}, parent="each"),
            sum=step("core.set", values={"n": "{{ steps.each.output | sum }}"}, after="each"),
            end=step("http.request", method="POST", url=f"{url}/lost/end", after="sum"),
        )
    )
    waiting = [await stand.start(name) for _ in range(5)]
    for run_id in waiting:
        await stand.when(run_id, lambda run: run["status"] == "waiting")
    resume = {run_id: (await stand.steps(run_id))[1]["resume_url"] for run_id in waiting}
    async with stand.without("temporal"):
        for file in (stand.home / "temporal").glob("temporal.db*"):
            file.unlink()
        for address in resume.values():
            assert (await stand.http.post(address, json={"go": True})).status_code == 200
    for run_id in waiting:
        run = await stand.ended(run_id)
        assert (run["status"], run["output"]) == ("succeeded", {"n": sum(range(700))})
        rows = await stand.attempts(run_id)
        assert repeated(rows) == []
        assert {(number, status) for _, number, status in rows} == {(1, "succeeded")}
    assert await stand.ledger.counts("/lost/") == {"/lost/before": 5, "/lost/end": 5}
