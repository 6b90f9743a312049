"""PostgreSQL and Temporal die, stand still, and come back, while runs are under way and others are asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.faults.stand import LIMIT_S, Stand, repeated
from tests.fixtures.flows import flow, step

Document = dict[str, Any]


def call(url: str, path: str, method: str = "GET", after: str | None = None, **more: Any) -> Document:
    return step("http.request", method=method, url=f"{url}{path}", after=after) | {"timeout": "2m", **more}


def hooked(document: Document, **inputs: Any) -> Document:
    return document | {"triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": inputs}}}


def address(stand: Stand, name: str) -> str:
    return f"{stand.url}/hooks/main/{name}/hook"


def under_way(url: str, name: str) -> Document:
    """A read and a write that are held, a wait and a loop, all at once; each is followed by a call."""
    return flow(
        "{{ steps.each.output | sum }}",
        name=name,
        first=call(url, f"/{name}/first", "POST"),
        read=call(url, f"/{name}/read", after="first"),
        read_on=call(url, f"/{name}/read_on", after="read"),
        write=call(url, f"/{name}/write", "POST", after="first"),
        write_on=call(url, f"/{name}/write_on", "POST", after="write"),
        wait=step("core.wait", duration="3s", after="first"),
        wait_on=call(url, f"/{name}/wait_on", after="wait"),
        each=step("core.for_each", items="{{ input }}", collect="{{ item }}", after="first"),
        one=step("core.set", values={"n": "{{ item }}"}, parent="each"),
    )


async def begin(stand: Stand, name: str) -> str:
    """One such run, brought to where read, write and wait are in flight."""
    await stand.deploy(under_way(stand.ledger.url, name))
    await stand.ledger.hold(f"/{name}/read", f"/{name}/write")
    run_id = await stand.start(name, list(range(600)))
    await stand.ledger.arrived(f"/{name}/read")
    await stand.ledger.arrived(f"/{name}/write")
    await stand.logged(run_id, "wait", "waiting")
    return run_id


async def ends_well(stand: Stand, run_id: str, name: str) -> list[tuple[str, int, str]]:
    """Its log, after nothing is held any more and it has ended as if nothing had happened."""
    await stand.ledger.release(f"/{name}/read", f"/{name}/write")
    run = await stand.ended(run_id)
    assert (run["status"], run["output"]) == ("succeeded", sum(range(600)))
    rows = await stand.attempts(run_id)
    assert repeated(rows) == []
    assert len([row for row in rows if row[0].startswith("each")]) == 601
    return rows


STEPS = ["first", "read", "read_on", "write", "write_on", "wait", "wait_on"]


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

    async def test_events_posted_again_until_they_are_taken_become_one_run_each(self, stand: Stand) -> None:
        """The server dies under load: some commits were made whose answer never came."""
        name = await stand.deploy(
            hooked(
                flow("{{ input.n }}", name="load", a=call(stand.ledger.url, "/load/{{ input.n }}", "POST")),
                mode="async",
            )
        )
        seen: set[int] = set()

        async def post(number: int) -> None:
            headers = {"Idempotency-Key": f"load-{number}"}
            while (
                status := (await stand.http.post(address(stand, name), json={"n": number}, headers=headers)).status_code
            ) != 202:
                seen.add(status)
            seen.add(status)

        async def feed(first: int) -> None:
            for number in range(first, 120, 8):
                await post(number)

        feeding = [asyncio.create_task(feed(first)) for first in range(8)]
        await stand.ledger.arrived("/load/30")
        await stand.kill("postgres")
        await asyncio.gather(*feeding)
        assert seen <= {202, 503}
        found = (await stand.http.get("/runs", params={"workflow": name, "limit": "500"})).json()["items"]
        runs = await asyncio.gather(*(stand.ended(run["run_id"]) for run in found))
        assert sorted(run["output"] for run in runs) == list(range(120))
        assert await stand.ledger.counts("/load/") == {f"/load/{number}": 1 for number in range(120)}


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


async def test_a_store_that_is_lost_while_all_is_down_repeats_nothing(stand: Stand) -> None:
    """The runs are taken up again from what their logs have, with calls in flight made again."""
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

    def lose() -> None:
        for file in (stand.home / "temporal").glob("temporal.db*"):
            file.unlink()

    await stand.restart(between=lose)
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
