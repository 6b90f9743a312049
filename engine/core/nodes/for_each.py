"""`core.for_each`: its slot once for each item, several at a time, results in the order of the items.

What is kept of an iteration that ended is its result. A run that is taken up goes on with the iterations that have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.crew import Crew
from engine.core.errors import Failed
from engine.core.frame import Frame, Loop
from engine.core.node import Inputs, Node
from engine.core.nodes.inputs import choice, invalid, whole_number
from engine.core.nodes.try_ import sink_output
from engine.core.outcome import Break, Continue, Outcome, shown_error
from engine.core.scope import run_scope
from engine.expressions.errors import ExpressionError
from engine.expressions.values import Ref, Value

if TYPE_CHECKING:
    from engine.core.activity import Activity


class _Items:
    """The items, by index; those of a list kept by reference come page by page."""

    def __init__(self, at: Activity, items: Value) -> None:
        self._at = at
        self._ref: Ref | None = items if isinstance(items, Ref) else None
        self._page: list[Value] = []
        self._from = 0
        self.length = 0
        if isinstance(items, dict):
            self._page = [{"key": key, "value": value} for key, value in items.items()]
        elif isinstance(items, list):
            self._page = items
        elif self._ref is None or self._ref.type not in ("array", "object"):
            raise invalid("items", "a list or an object", items)
        self.length = len(self._page)

    async def open(self) -> None:
        """Finds out how many there are."""
        if self._ref is not None:
            await self._load(0)

    async def get(self, index: int) -> Value:
        if not 0 <= index - self._from < len(self._page):
            await self._load(index)
        return self._page[index - self._from]

    async def _load(self, index: int) -> None:
        assert self._ref is not None
        with self._at.run.calling():
            page = await self._at.run.effects.load_page(self._ref, index)
        self._from, self._page, self.length = index, page.items, page.total


class _Loop:
    """One execution of the loop. `results` holds the finished iterations' by index; `next` is the first that hasn't begun."""

    def __init__(self, at: Activity, items: _Items, inputs: Inputs) -> None:
        self.at = at
        self.items = items
        self.go_on = choice(inputs, "on_item_error", "fail", ("fail", "continue")) == "continue"
        self.collect = at.plan.later.get("/collect")
        self.fixed = inputs.get("collect") if self.collect is None and "collect" in inputs else None
        self.has_fixed = self.collect is None and "collect" in inputs
        self.results: list[Value] = []
        self.done: list[bool] = []

    async def iterate(self, index: int, item: Value) -> None:
        """One iteration. Raises Failed, Break, Stop, CancelledError."""
        at = self.at
        frame = at.open("body", f"{at.path}[{index}].", {"item": item, "index": index}, index)
        frame.loop = Loop(index, self.items.length)
        try:
            await run_scope(at.run, frame)
            result = await self._result(frame)
        except Continue:
            result = None
        except Failed as failure:
            if not self.go_on:
                raise
            result = {"$error": shown_error(failure.error)}
        self.results[index] = result
        self.done[index] = True
        at.close(frame)  # not where it was left in another way: what follows from its steps may have to follow again

    async def _result(self, frame: Frame) -> Value:
        if self.collect is None:
            return self.fixed if self.has_fixed else sink_output(frame)
        try:
            return await self.at.value_of(self.collect, frame)
        except ExpressionError as error:
            raise Failed(self.at.error_of(error)) from None

    def progress(self) -> dict[str, Value]:
        """The results of the iterations before the first that hasn't ended, and of those that ended before their turn."""
        first = self.done.index(False) if False in self.done else len(self.done)
        later: dict[str, Value] = {
            str(index): self.results[index] for index in range(first, len(self.done)) if self.done[index]
        }
        return {"results": self.results[:first], "later": later}

    def take_up(self, progress: dict[str, Value]) -> None:
        """Goes on from what `progress` gave."""
        if "results" not in progress:
            return
        for index, result in enumerate(cast("list[Value]", progress["results"])):
            self.results[index], self.done[index] = result, True
        for index, result in cast("dict[str, Value]", progress["later"]).items():
            self.results[int(index)], self.done[int(index)] = result, True

    def finished(self) -> list[Value]:
        return [result for result, done in zip(self.results, self.done, strict=True) if done]


async def _run(at: Activity, inputs: Inputs) -> Outcome:
    concurrency = whole_number(inputs, "concurrency", 1, 1, 500)
    items = _Items(at, inputs.get("items"))
    await items.open()
    loop = _Loop(at, items, inputs)
    loop.results = [None] * items.length
    loop.done = [False] * items.length
    loop.take_up(at.progress)
    at.keep = loop.progress
    try:
        if concurrency == 1 or at.plan.slots["body"].pure:
            for index in range(items.length):
                if not loop.done[index]:
                    await loop.iterate(index, await items.get(index))
        else:
            await _at_once(loop, concurrency)
    except Break:
        return Outcome(loop.finished())
    return Outcome(loop.results)


async def _at_once(loop: _Loop, concurrency: int) -> None:
    crew: Crew[int] = Crew(loop.at.run.tally)
    try:
        for index in range(loop.items.length):
            if loop.done[index]:
                continue
            while len(crew) >= concurrency:
                await crew.next()
            item = await loop.items.get(index)
            if loop.at.run.draining and not loop.at.frame.urgent:
                await loop.at.run.hold()
            crew.spawn(index, loop.iterate(index, item))
        while crew.busy:
            await crew.next()
    finally:
        with loop.at.run.tearing():
            await crew.dismiss()


NODE = Node(run=_run)
