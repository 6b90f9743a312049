"""What is under way when a fault comes."""

from __future__ import annotations

from typing import Any

from tests.faults.stand import Stand, repeated
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
