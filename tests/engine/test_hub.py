"""Notices wake whoever waits; lost, doubled or foreign ones do no harm."""

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.hub import PAYLOAD_LIMIT, Hub, Kind, Notice


class Line:
    """A wire between the hubs of one process: what one sends, all hear, the sender too. It counts what went over it."""

    def __init__(self) -> None:
        self.ears: list[Callable[[str], None]] = []
        self.sent: list[str] = []

    async def listen(self, heard: Callable[[str], None], connected: Callable[[], None]) -> None:
        self.ears.append(heard)
        connected()
        await asyncio.Event().wait()

    async def send(self, text: str) -> None:
        self.sent.append(text)
        for heard in self.ears:
            heard(text)


async def test_a_waiter_in_another_process_is_woken_and_told_of_the_end() -> None:
    line = Line()
    here, there = Hub(line), Hub(line)
    running = [asyncio.create_task(hub.run()) for hub in (here, there)]
    with there.subscribe("r1") as waiter:
        assert await waiter.wait(5), "a new connection wakes all, since something may have been missed"
        here.publish(7, "r1", Kind.ENDED)
        assert await waiter.wait(5)
        assert waiter.ended
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_burst_travels_as_few_texts_that_fit_and_own_echoes_are_not_heard_twice() -> None:
    line = Line()
    here, there = Hub(line), Hub(line)
    heard_here: list[Notice | None] = []
    heard_there: list[Notice | None] = []
    here.watch(heard_here.append)
    there.watch(heard_there.append)
    running = [asyncio.create_task(hub.run()) for hub in (here, there)]
    runs = [f"{number:032x}" for number in range(1000)]
    with there.subscribe(runs[-1]) as last:
        await last.wait(5)
        for run_id in runs:
            here.publish(1, run_id)
            here.publish(1, run_id)
        assert await last.wait(5)
    assert len(line.sent) <= 6
    assert all(len(text) < 8000 for text in line.sent)
    assert [notice.run_id for notice in heard_there if notice] == runs
    assert len([notice for notice in heard_here if notice]) == 2000, "its own waiters hear at once, never by the echo"
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_waiter_looks_by_itself_when_no_notice_comes() -> None:
    hub = Hub()
    with hub.subscribe("r1") as waiter:
        assert not await waiter.wait(0.01)
        hub.publish(1, "r1")
        hub.publish(1, "r1")
        assert await waiter.wait(5)
        assert not await waiter.wait(0.01), "notices that came together are one"
    hub.publish(1, "r1")


@settings(max_examples=100)
@given(st.text(max_size=PAYLOAD_LIMIT))
def test_no_text_on_the_channel_can_break_a_hub(text: str) -> None:
    Hub()._heard(text)
