"""`queue.enqueue`: what it stages for each element. That it is added with the step's row stands in tests/engine/queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from engine.isolated.pool import IsolatedPool
from modules.queue.enqueue import MODULE
from modules.sdk.context import QueueItem, Staged
from modules.sdk.json import Json
from modules.sdk.verdicts import ModuleError
from server.module_tools.host import example_context


@dataclass
class Listed:
    """Both the queues of a workspace and what is staged for one of them."""

    what: str = "nothing"
    operation: str = ""
    items: list[QueueItem] = field(default_factory=list)

    async def stage(self, queue: str, items: Sequence[QueueItem], *, operation: str) -> Staged:
        self.what, self.operation, self.items = queue, operation, list(items)
        return self


async def staged(pool: IsolatedPool, items: Json, **inputs: Json) -> Listed:
    kept = Listed()
    context = replace(example_context(pool, 30.0), queues=kept, idempotency_key="batch:step")
    assert MODULE.run is not None
    result = await MODULE.run({"queue": "letters", "items": items, **inputs}, context)
    assert result.staged is kept
    return kept


async def test_each_element_is_an_item_with_its_own_keys(isolated_pool: IsolatedPool) -> None:
    given: Json = [
        {"id": 7, "of": "ada", "in": "5m"},
        {"id": "x", "of": "", "in": None},
        {"id": True, "of": None, "in": 2},
    ]
    kept = await staged(
        isolated_pool, given, ordering_key="{{ item.of }}", dedupe_key="{{ item.id }}", delay="{{ item.in }}"
    )
    assert (kept.what, kept.operation) == ("letters", "batch:step")
    assert kept.items == [
        QueueItem(given[0], "ada", "7", 300.0),
        QueueItem(given[1], None, "x", 0.0),
        QueueItem(given[2], None, "true", 2.0),
    ]
    plain = await staged(isolated_pool, [1, None], dedupe_key="all-{{ index }}")
    assert plain.items == [QueueItem(1, None, "all-0"), QueueItem(None, None, "all-1")]


@pytest.mark.parametrize(
    ("of", "key"),
    [
        ({}, "ordering_key"),
        ([], "dedupe_key"),
        ("x" * 501, "ordering_key"),
        ("\x00", "dedupe_key"),
        ("\ud800", "ordering_key"),
        ("soon", "delay"),
        (-1, "delay"),
        ("-5s", "delay"),
        ("nans", "delay"),
        ("367d", "delay"),
        (True, "delay"),
        ([], "delay"),
    ],
)
async def test_a_key_or_delay_that_cannot_be_is_named_with_its_item(
    isolated_pool: IsolatedPool, of: Json, key: str
) -> None:
    with pytest.raises(ModuleError) as caught:
        await staged(isolated_pool, [{"of": None}, {"of": of}], **{key: "{{ item.of }}"})
    assert (caught.value.code, caught.value.details) == ("input.invalid", {"index": 1})
    assert f"The {key} of item 1" in str(caught.value)
