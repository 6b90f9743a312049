"""The API and the worker are killed at the same moment, in the middle of runs of every kind, by `kill -9`."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.scenes import call
from tests.faults.stand import Stand, repeated
from tests.fixtures.flows import flow, step

Document = dict[str, Any]
Rows = list[tuple[str, int, str]]


@dataclass(frozen=True)
class Told:
    """What is known of one run when all is over."""

    run: Document
    steps: list[Document]
    asked: Counter[str]
    keys: dict[str, list[str | None]]

    @property
    def rows(self) -> Rows:
        return [(row["path"], row["attempt"], row["status"]) for row in self.steps]

    def error_of(self, path: str, attempt: int) -> str:
        (found,) = [row for row in self.steps if (row["path"], row["attempt"]) == (path, attempt)]
        return str(found["error"]["code"])


def documents(url: str) -> list[Document]:
    """One for each situation. `/NAME/held` is the call that gets no answer before the kill."""
    return [
        flow(
            "{{ steps.c.output.body.path }}",
            name="short",
            a=call(url, "/short/before"),
            b=call(url, "/short/held", after="a"),
            c=call(url, "/short/after", after="b"),
        ),
        flow(
            "{{ steps.c.output.body.path }}",
            name="long",
            a=call(url, "/long/before"),
            b=call(url, "/long/held", after="a"),
            c=call(url, "/long/after", after="b"),
        ),
        flow(
            "{{ steps.b.output.body.path }}",
            name="write",
            a=call(url, "/write/before", "POST"),
            b=call(url, "/write/held", "POST", after="a"),
        ),
        flow(
            name="once",
            a=call(url, "/once/before", "POST", retry={"on_lost": "fail"}),
            b=call(url, "/once/held", "POST", after="a", retry={"on_lost": "fail"}),
            c=call(url, "/once/after", after="b"),
        ),
        flow(
            "{{ steps.b.output.body.path }}",
            name="retry",
            a=call(url, "/retry/before"),
            b=call(url, "/retry/again", after="a", retry={"initial": "4s", "jitter": 0}),
        ),
        flow(
            "{{ steps.c.output.body.path }}",
            name="wait",
            a=call(url, "/wait/before"),
            b=step("core.wait", duration="4s", after="a"),
            c=call(url, "/wait/after", after="b"),
        ),
        flow(
            "{{ steps.each.output | sum }}",
            name="each",
            each=step("core.for_each", items="{{ input }}", collect="{{ item }}"),
            odd=step("core.if", condition="{{ item == 1000 }}", parent="each"),
            stop=call(url, "/each/held", after="odd:true") | {"parent": "each"},
            one=step("core.set", values={"n": "{{ item }}"}, parent="each", after="odd:false"),
        ),
        flow(
            "{{ steps.each.output }}",
            name="calls",
            each=step("core.for_each", items="{{ input }}", collect="{{ steps.one.output.body.path }}"),
            one=call(url, "/calls/{{ item }}") | {"parent": "each"},
        ),
        flow(
            "{{ steps.loop.output.state.n }}",
            name="while",
            loop=step("core.while", condition="{{ loop.state.n < 8 }}", state={"n": 0}),
            one=call(url, "/while/{{ index }}", "PUT") | {"parent": "loop"},
            add=step("core.set_state", state={"n": "{{ loop.state.n + 1 }}"}, parent="loop", after="one"),
        ),
        flow("{{ input }}", name="child", b=call(url, "/parent/held", "POST")),
        flow(
            "{{ steps.b.output }}",
            name="parent",
            a=call(url, "/parent/before", "POST"),
            b=step("core.subworkflow", workflow="child", input="{{ steps.a.output.body.count }}", after="a"),
        ),
        flow(
            name="tidy",
            t=step("core.try"),
            b=call(url, "/tidy/held", "POST", retry={"on_lost": "fail"}) | {"parent": "t"},
            c=call(url, "/tidy/catch", "POST") | {"parent": "t", "slot": "catch"},
            f=call(url, "/tidy/finally", "POST") | {"parent": "t", "slot": "finally"},
        ),
    ]


HELD = [f"/{name}/held" for name in ("long", "write", "once", "each", "parent", "tidy")] + ["/calls/7", "/while/4"]
INPUTS: dict[str, object] = {"each": list(range(2_000)), "calls": list(range(12))}


@pytest.fixture(scope="module")
async def after(stand: Stand) -> dict[str, Told]:
    """All runs, each killed at its place at once, and ended."""
    ledger = stand.ledger
    for document in documents(ledger.url):
        await stand.deploy(document)
    await ledger.hold(*HELD, "/short/held")
    await ledger.statuses("/retry/again", 503)
    names = [name for document in documents(ledger.url) if (name := str(document["name"])) not in {"child", "short"}]
    run_ids = {name: await stand.start(name, INPUTS.get(name)) for name in names}
    await asyncio.gather(*(ledger.arrived(path) for path in HELD))
    # By now it isn't short any more: it shows in the log while it is under way.
    await stand.logged(run_ids["long"], "b", "running")
    await stand.logged(run_ids["retry"], "b", "failed")
    await stand.logged(run_ids["wait"], "b", "waiting")
    run_ids["short"] = await stand.start("short")
    await ledger.arrived("/short/held")
    await stand.kill("api", "worker")
    await ledger.release(*HELD, "/short/held")
    requests = await asyncio.gather(*(stand.ended(run_id) for run_id in run_ids.values()))
    told: dict[str, Told] = {}
    for (name, run_id), run in zip(run_ids.items(), requests, strict=True):
        under = await ledger.all(f"/{name}/")
        keys: dict[str, list[str | None]] = {}
        for request in under:
            keys.setdefault(request.path, []).append(request.key)
        told[name] = Told(run, await stand.steps(run_id), await ledger.counts(f"/{name}/"), keys)
    return told


@pytest.mark.slow
class TestAfterTheKill:
    async def test_a_short_call_in_flight_is_repeated_and_nothing_else(self, after: dict[str, Told]) -> None:
        told = after["short"]
        assert (told.run["status"], told.run["output"]) == ("succeeded", "/short/after")
        assert told.asked == {"/short/before": 1, "/short/held": 2, "/short/after": 1}
        assert told.rows == [("a", 1, "succeeded"), ("b", 1, "succeeded"), ("c", 1, "succeeded")]

    async def test_a_long_call_in_flight_is_repeated_under_its_number(self, after: dict[str, Told]) -> None:
        told = after["long"]
        assert (told.run["status"], told.run["output"]) == ("succeeded", "/long/after")
        assert told.asked == {"/long/before": 1, "/long/held": 2, "/long/after": 1}
        assert told.rows == [("a", 1, "succeeded"), ("b", 1, "succeeded"), ("c", 1, "succeeded")]

    async def test_a_write_in_flight_is_lost_under_its_number_and_made_again_with_its_key(
        self, after: dict[str, Told]
    ) -> None:
        told = after["write"]
        assert told.run["status"] == "succeeded"
        assert told.rows == [("a", 1, "succeeded"), ("b", 1, "failed"), ("b", 2, "succeeded")]
        assert told.error_of("b", 1) == "worker.lost"
        key = f"{told.run['run_id']}:b"
        assert told.keys == {"/write/before": [f"{told.run['run_id']}:a"], "/write/held": [key, key]}
        assert [row["idempotency_key"] for row in told.steps[1:]] == [key, key]

    async def test_a_write_that_must_not_be_repeated_fails(self, after: dict[str, Told]) -> None:
        told = after["once"]
        assert (told.run["status"], told.run["error"]["code"]) == ("failed", "worker.lost")
        assert told.asked == {"/once/before": 1, "/once/held": 1}
        assert [row for row in told.rows if row[0] == "b"] == [("b", 1, "failed")]

    async def test_a_retry_comes_when_it_was_due(self, after: dict[str, Told]) -> None:
        told = after["retry"]
        assert told.run["status"] == "succeeded"
        assert told.asked == {"/retry/before": 1, "/retry/again": 2}
        assert told.rows == [("a", 1, "succeeded"), ("b", 1, "failed"), ("b", 2, "succeeded")]

    async def test_a_wait_goes_on_to_its_own_end(self, after: dict[str, Told]) -> None:
        told = after["wait"]
        assert (told.run["status"], told.run["output"]) == ("succeeded", "/wait/after")
        assert told.asked == {"/wait/before": 1, "/wait/after": 1}
        assert told.rows == [("a", 1, "succeeded"), ("b", 1, "succeeded"), ("c", 1, "succeeded")]

    async def test_a_loop_goes_on_at_its_iteration(self, after: dict[str, Told]) -> None:
        told = after["each"]
        assert (told.run["status"], told.run["output"]) == ("succeeded", sum(range(2_000)))
        assert told.asked == {"/each/held": 2}
        assert repeated(told.rows) == []
        assert len(told.rows) == 1 + 3 * 2_000

    @pytest.mark.parametrize(("name", "held", "count"), [("calls", "/calls/7", 12), ("while", "/while/4", 8)])
    async def test_a_loop_of_calls_repeats_only_the_one_in_flight(
        self, after: dict[str, Told], name: str, held: str, count: int
    ) -> None:
        told = after[name]
        assert told.run["status"] == "succeeded"
        assert told.asked == {f"/{name}/{n}": 1 for n in range(count)} | {held: 2}
        assert repeated(told.rows) == []
        assert {status for path, _, status in told.rows if "one" in path} == {"succeeded"}

    async def test_a_parent_gets_its_child_s_end(self, after: dict[str, Told]) -> None:
        told = after["parent"]
        assert (told.run["status"], told.run["output"]) == ("succeeded", 1)
        assert told.asked == {"/parent/before": 1, "/parent/held": 2}
        assert told.rows == [("a", 1, "succeeded"), ("b", 1, "succeeded")]
        assert told.keys["/parent/held"] == [f"{told.run['run_id']}:b:b"] * 2

    async def test_a_lost_step_is_caught_and_tidied_up_after(self, after: dict[str, Told]) -> None:
        told = after["tidy"]
        assert told.run["status"] == "succeeded"
        assert told.asked == {"/tidy/held": 1, "/tidy/catch": 1, "/tidy/finally": 1}
        assert told.error_of("t.b", 1) == "worker.lost"


@pytest.mark.slow
async def test_a_worker_told_to_stop_loses_nothing_and_repeats_nothing_that_had_ended(stand: Stand) -> None:
    """Both processes in turn, while writes are under way in them."""
    url = stand.ledger.url
    steps = {
        f"s{n}": call(url, f"/stop/{{{{ input }}}}/{n}", "POST", after=f"s{n - 1}" if n else None) for n in range(5)
    }
    name = await stand.deploy(flow("{{ input }}", name="stop", **steps))
    run_ids: list[str] = []
    for part in ("worker", "api"):
        run_ids += await asyncio.gather(*(stand.start(name, len(run_ids) + n) for n in range(12)))
        await stand.ledger.arrived(f"/stop/{len(run_ids) - 1}/0")
        await stand.kill(part, by=signal.SIGTERM)
    runs = await asyncio.gather(*(stand.ended(run_id) for run_id in run_ids))
    assert {run["status"] for run in runs} == {"succeeded"}
    assert await stand.ledger.counts("/stop/") == {f"/stop/{n}/{m}": 1 for n in range(len(run_ids)) for m in range(5)}
    for run_id in run_ids:
        assert await stand.attempts(run_id) == [(f"s{m}", 1, "succeeded") for m in range(5)]


@pytest.mark.slow
async def test_a_sync_webhook_s_run_survives_the_process_that_would_answer(stand: Stand) -> None:
    url = stand.ledger.url
    document = flow("{{ input.n }}", name="hooked", a=call(url, "/hooked/held"))
    document["triggers"] = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync"}}}
    name = await stand.deploy(document)
    await stand.ledger.hold("/hooked/held")
    address = f"{stand.url}/hooks/main/{name}/hook"
    headers = {"Idempotency-Key": "order-7"}
    asking = asyncio.create_task(stand.http.post(address, json={"n": 7}, headers=headers))
    await stand.ledger.arrived("/hooked/held")
    await stand.kill("api", "worker")
    with pytest.raises(Exception, match=r"(?i)disconnected|reset|read|closed"):
        await asking
    await stand.ledger.release("/hooked/held")
    again = await stand.http.post(address, json={"n": 7}, headers=headers)
    assert (again.status_code, again.json()) == (200, 7)
    found = (await stand.http.get("/runs", params={"workflow": name})).json()["items"]
    assert [run["status"] for run in found] == ["succeeded"]


@pytest.mark.slow
async def test_who_waits_while_the_server_is_told_to_stop_may_ask_again(stand: Stand) -> None:
    """A sync webhook in flight is answered in the API's own words, and the same request gets the run's answer later."""
    document = flow("{{ input.n }}", name="waiting", a=call(stand.ledger.url, "/waiting/held"))
    document["triggers"] = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync"}}}
    name = await stand.deploy(document)
    await stand.ledger.hold("/waiting/held")
    address = f"{stand.url}/hooks/main/{name}/hook"
    headers = {"Idempotency-Key": "order-8"}
    asking = asyncio.create_task(stand.http.post(address, json={"n": 8}, headers=headers))
    await stand.ledger.arrived("/waiting/held")
    await stand.kill("api", by=signal.SIGTERM)
    told = await asking
    assert (told.status_code, told.json()["code"]) == (503, "server.stopping")
    assert told.headers["retry-after"] == "1"
    await stand.ledger.release("/waiting/held")
    again = await stand.http.post(address, json={"n": 8}, headers=headers)
    assert (again.status_code, again.json()) == (200, 8)
    found = (await stand.http.get("/runs", params={"workflow": name})).json()["items"]
    assert len(found) == 1
