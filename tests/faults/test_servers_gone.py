"""PostgreSQL and Temporal die, stand still, and come back, while runs are under way and others are asked for."""

from __future__ import annotations

import asyncio

import pytest

from chaos.ledger import LIMIT_S
from tests.faults.scenes import STEPS, address, begin, call, ends_well, hooked
from tests.faults.stand import Stand
from tests.fixtures.flows import flow, step


@pytest.mark.slow
class TestPostgresGone:
    async def test_nothing_is_accepted_and_everything_goes_on_when_it_is_back(self, stand: Stand) -> None:
        run_id = await begin(stand, "gone")
        name = await stand.deploy(
            hooked(flow("{{ input.n }}", name="orders", a=step("core.set", values={})), mode="async")
        )

        async def post(number: int) -> int:
            headers = {"Idempotency-Key": f"order-{number}"}
            return (await stand.http.post(address(stand, name), json={"n": number}, headers=headers)).status_code

        assert await post(0) == 202
        async with stand.without("postgres"):
            refused = await asyncio.gather(*(post(number) for number in range(1, 21)))
            assert set(refused) == {503}
            for answer in (await stand.http.get("/runs"), await stand.http.post(f"/workflows/{name}/runs", json={})):
                assert answer.status_code == 503
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["code"] == "database.unavailable"
            assert (await stand.http.get(f"{stand.url}/readyz")).status_code == 503
            assert (await stand.http.get(f"{stand.url}/healthz")).status_code == 200
            # What ends meanwhile is written down when it can be.
            await stand.ledger.release("/gone/read", "/gone/write")
        found = (await stand.http.get("/runs", params={"workflow": name})).json()["items"]
        assert [run["trigger"] for run in found] == [found[0]["trigger"]]
        assert await asyncio.gather(*(post(number) for number in range(21))) == [202] * 21
        rows = await ends_well(stand, run_id, "gone")
        assert sorted(row for row in rows if "each" not in row[0]) == [(path, 1, "succeeded") for path in sorted(STEPS)]
        assert set((await stand.ledger.counts("/gone/")).values()) == {1}
        found = (await stand.http.get("/runs", params={"workflow": name})).json()["items"]
        runs = await asyncio.gather(*(stand.ended(run["run_id"]) for run in found))
        assert sorted(run["output"] for run in runs) == list(range(21))
        assert {run["status"] for run in runs} == {"succeeded"}


@pytest.mark.slow
class TestTemporalGone:
    async def test_webhooks_are_taken_in_and_run_when_it_is_back(self, stand: Stand) -> None:
        run_id = await begin(stand, "away")
        plain = flow("{{ input.n }}", a=step("core.set", values={}))
        await stand.deploy(hooked(plain | {"name": "later"}, mode="async"))
        await stand.deploy(hooked(plain | {"name": "asked"}, mode="sync", timeout="1s"))
        parked = await stand.deploy(flow(name="parked", a=step("core.wait", duration="1h")))
        told = await stand.start(parked)
        await stand.when(told, lambda run: run["status"] == "waiting")
        async with stand.without("temporal"):
            taken = [await stand.http.post(address(stand, "later"), json={"n": n}) for n in range(10)]
            assert {answer.status_code for answer in taken} == {202}
            slow = await stand.http.post(address(stand, "asked"), json={"n": 7})
            assert (slow.status_code, slow.json()["code"]) == (504, "run.slow")
            assert slow.headers["content-type"] == "application/problem+json"
            assert (await stand.run(slow.json()["run_id"]))["status"] == "queued"
            assert (await stand.http.post(f"/runs/{told}/cancel")).status_code == 202
            unstarted = await stand.start(parked)
            assert (await stand.http.post(f"/runs/{unstarted}/cancel")).status_code == 202
            assert (await stand.http.get(f"{stand.url}/readyz")).status_code == 200
        for cancelled in (told, unstarted):
            assert (await stand.ended(cancelled))["status"] == "cancelled"
        for n, answer in enumerate(taken):
            assert (await stand.ended(answer.json()["run_id"]))["output"] == n
        assert (await stand.ended(slow.json()["run_id"]))["output"] == 7
        rows = await ends_well(stand, run_id, "away")
        assert {row[0] for row in rows if row[1] > 1} <= {"write"}
        counts = await stand.ledger.counts("/away/")
        assert {path for path, count in counts.items() if count > 1} <= {"/away/read", "/away/write"}

    async def test_what_stands_still_is_like_what_is_gone(self, stand: Stand) -> None:
        plain = flow("{{ input.n }}", a=step("core.set", values={}))
        name = await stand.deploy(hooked(plain | {"name": "still"}, mode="async"))
        sync = await stand.deploy(hooked(plain | {"name": "still_asked"}, mode="sync", timeout="1s"))
        with stand.frozen("temporal"):
            slow = await stand.http.post(address(stand, sync), json={"n": 7})
            assert (slow.status_code, slow.json()["code"]) == (504, "run.slow")
            taken = [await stand.http.post(address(stand, name), json={"n": n}) for n in range(10)]
            assert {answer.status_code for answer in taken} == {202}
        for n, answer in enumerate(taken):
            assert (await stand.ended(answer.json()["run_id"]))["output"] == n
        assert (await stand.ended(slow.json()["run_id"]))["output"] == 7


@pytest.mark.slow
async def test_a_database_that_stands_still_is_given_up_on_in_time(stand: Stand) -> None:
    """Nothing refuses a connection, nothing answers: as behind a network that swallows packets."""
    url = stand.ledger.url
    name = await stand.deploy(
        flow(name="frozen", a=call(url, "/frozen/a", "POST"), b=call(url, "/frozen/b", after="a"))
    )
    await stand.ledger.hold("/frozen/a")
    run_id = await stand.start(name)
    await stand.ledger.arrived("/frozen/a")
    with stand.frozen("postgres"):
        await stand.ledger.release("/frozen/a")
        answers = await asyncio.gather(*(stand.http.get("/runs", timeout=LIMIT_S) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {503}
    assert (await stand.ended(run_id))["status"] == "succeeded"
    assert await stand.ledger.counts("/frozen/") == {"/frozen/a": 1, "/frozen/b": 1}
    assert stand.state.state == "running"
