"""Fairness between workspaces and between the workflows of each, order within one."""

import asyncio
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch.fair_queue import FairQueue


@settings(max_examples=100)
@given(st.lists(st.integers(0, 3), max_size=40))
def test_each_workspace_keeps_its_order_and_nobody_waits_for_more_than_one_of_each_other(workspaces: list[int]) -> None:
    async def take_all() -> list[tuple[int, int]]:
        queue: FairQueue[tuple[int, int]] = FairQueue()
        for number, workspace in enumerate(workspaces):
            queue.put(workspace, "w", (workspace, number))
        return [await queue.get() for _ in range(len(workspaces))]

    taken = asyncio.run(take_all())
    for workspace in set(workspaces):
        mine = [number for ws, number in taken if ws == workspace]
        assert mine == sorted(mine)
        places = [place for place, (ws, _) in enumerate(taken) if ws == workspace]
        gaps = [later - earlier for earlier, later in itertools.pairwise(places)]
        assert all(gap <= len(set(workspaces)) for gap in gaps)
    assert sorted(number for _, number in taken) == list(range(len(workspaces)))


async def test_one_run_of_another_workflow_is_next_whatever_one_workflow_has_brought() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(100):
        queue.put(1, "flood", f"flood {number}")
    queue.put(1, "single", "single")
    queue.put(2, "other", "other")
    taken = [await queue.get() for _ in range(4)]
    assert taken == ["flood 0", "other", "single", "flood 1"]
    assert queue.drain() == [f"flood {number}" for number in range(2, 100)]


async def test_takers_wait_and_a_cancelled_one_loses_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    first.cancel()
    queue.put(1, "w", "a")
    assert await second == "a"
    assert len(queue) == 0
    queue.put(1, "w", "b")
    queue.put(2, "w", "c")
    assert sorted(queue.drain()) == ["b", "c"]
