"""Fifty streams while many runs go: each tells of every run, once for each state that it shows, and what it told last is what the rows say."""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import aclosing

import httpx
import pytest

from tests.fixtures.api import PREFIX, Api, Event, JsonObject
from tests.fixtures.flows import flow, step

WORK = flow(
    "{{ input }}",
    name="load",
    a=step("core.set", values={"n": "{{ input }}"}),
    l=step("core.log", level="info", message="at {{ input }}", after="a"),
    w=step("core.wait", duration="20ms", after="l"),
    b=step("kv.increment", key="load", after="w"),
)
RUNS, STREAMS, OF_RUNS = 100, 50, 15


class Listener:
    """One client of the workspace's stream, which breaks off now and then and takes it up where it was."""

    def __init__(self, api: Api, seed: int, breaks: bool) -> None:
        self._api = api
        self._chance = random.Random(seed)
        self._breaks = breaks
        self.open = asyncio.Event()
        self.events: list[Event] = []
        self.ended: dict[str, JsonObject] = {}
        self.resumed = 0

    async def listen(self, workflow: str, wanted: int) -> None:
        last: str | None = None
        while True:
            left = self._chance.randrange(1, 60) if self._breaks else 10**6
            async with aclosing(self._stream(last)) as events:  # type: ignore[type-var]
                async for event in events:
                    last = event.id or last
                    left -= 1
                    if event.data["workflow"] == workflow:
                        self.events.append(event)
                        if event.kind == "end":
                            self.ended[str(event.data["run_id"])] = event.data
                            if len(self.ended) == wanted:
                                return
                    if left <= 0:
                        break
            self.resumed += 1

    async def _stream(self, last: str | None):  # type: ignore[no-untyped-def]
        headers = {} if last is None else {"Last-Event-ID": last}
        async with self._api.viewer.stream("GET", "/runs/events", headers=headers, timeout=60) as response:
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                self.open.set()
                if line:
                    name, _, text = line.partition(":")
                    fields[name] = text.strip()
                    continue
                if "event" in fields:
                    yield Event(fields["event"], fields.get("id"), httpx.Response(200, text=fields["data"]).json())
                fields = {}


def stuck(api: Api) -> socket.socket:
    """A client that asks for the stream and never reads: its window is small, so that the server soon can't send."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    client.connect(api.authority)
    head = f"GET {PREFIX}/runs/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.keys['viewer']}\r\n\r\n"
    client.sendall(head.encode())
    return client


@pytest.mark.slow
async def test_fifty_streams_tell_the_same_as_the_rows_and_miss_and_double_nothing(api: Api) -> None:
    name = await api.create(WORK)
    slow = [stuck(api) for _ in range(5)]
    listeners = [Listener(api, seed, breaks=seed % 2 == 1) for seed in range(STREAMS - OF_RUNS)]
    listening = [asyncio.create_task(one.listen(name, RUNS)) for one in listeners]
    await asyncio.gather(*(one.open.wait() for one in listeners))
    followed: list[asyncio.Task[list[Event]]] = []

    async def follow(run_id: str) -> list[Event]:
        return [event async for event in api.events(f"/runs/{run_id}/events")]

    ids: list[str] = []
    for number in range(RUNS):
        ids.append(await api.start(name, number))
        if number % (RUNS // OF_RUNS) == 0:
            followed.append(asyncio.create_task(follow(ids[-1])))
    await asyncio.gather(*listening)
    runs: dict[str, JsonObject] = {}
    for run_id in ids:
        runs[run_id] = await api.end(run_id)
    for one in listeners:
        assert set(one.ended) == set(ids)
        told = [(event.kind, event.id) for event in one.events]
        assert len(told) == len(set(told)), "nothing comes twice"
        assert sum(1 for event in one.events if event.kind == "end") == RUNS
        for run_id, data in one.ended.items():
            assert data == {key: runs[run_id][key] for key in data}
    assert sum(one.resumed for one in listeners) > 10
    for task in followed:
        events = await task
        run_id = str(events[-1].data["run_id"])
        rows = {(row["path"], row["attempt"]): row for row in await api.steps(run_id)}
        last = {(event.data["path"], event.data["attempt"]): event.data for event in events if event.kind == "step"}
        assert last == {place: {key: rows[place][key] for key in data} for place, data in last.items()}
        assert set(last) == set(rows)
        assert [event.data["message"] for event in events if event.kind == "log"] == [f"at {runs[run_id]['input']}"]
        numbers = [int(event.id) for event in events if event.id is not None]
        assert numbers[:-1] == sorted(set(numbers[:-1]))
    for client in slow:
        client.close()
