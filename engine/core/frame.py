"""A scope that is being carried out, and what expressions see from inside of it.

    prefix      what comes before the ids of its steps in their paths: '' | 'try.' | 'each[3].'
    parent      the frame of the step that opened it; reading goes up through parents
    peers       frames beside it whose steps it may read: the body, for a try's catch and finally
    states      its ended steps;  live: those that were begun and haven't ended;  exports: inside ended tries, by the try's id
    variables   what it adds to the scope: `item index error`;  loop: what `loop` shows

Nothing is built before an expression reads it: an iteration that reads only `item` costs a dict of two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engine.core.needs import STEPS, Needs
from engine.core.outcome import StepState
from engine.expressions.values import Value

if TYPE_CHECKING:
    from engine.core.activity import Activity
    from engine.core.errors import StepError
    from engine.core.plan import ScopePlan

EVENT_STEPS = ("core.wait_for_event", "human.approve")


class Surroundings:
    """What all frames of a run share: the names that are the same everywhere, and how resume addresses are made."""

    __slots__ = ("address", "names")

    def __init__(self, names: Mapping[str, Value], address: Callable[[str], str] | None) -> None:
        self.names = names
        self.address = address


class Loop:
    """What `loop` shows in one iteration. `state` is shared by the iterations of a `core.while`; `length` is None there."""

    __slots__ = ("index", "length", "state")

    def __init__(self, index: int, length: int | None, state: LoopState | None = None) -> None:
        self.index = index
        self.length = length
        self.state = state


class LoopState:
    """The state of one `core.while`. `settled` is the iteration whose changes are already in `values`, after a run was taken up."""

    __slots__ = ("settled", "values")

    def __init__(self, values: dict[str, Value], settled: int = -1) -> None:
        self.values = values
        self.settled = settled


class Frame:
    """See the module's text."""

    __slots__ = (
        "around",
        "exports",
        "failures",
        "iteration",
        "lenient",
        "live",
        "loop",
        "parent",
        "peers",
        "pending",
        "plan",
        "prefix",
        "renumbered",
        "states",
        "taken",
        "urgent",
        "variables",
    )

    def __init__(
        self,
        plan: ScopePlan,
        prefix: str,
        parent: Frame | None,
        around: Surroundings,
        *,
        variables: dict[str, Value] | None = None,
        iteration: int | None = None,
    ) -> None:
        self.plan = plan
        self.prefix = prefix
        self.parent = parent
        self.around = around
        self.variables = variables
        self.iteration = iteration if iteration is not None or parent is None else parent.iteration
        self.loop: Loop | None = None
        self.states: dict[str, StepState] = {}
        self.live: dict[str, Activity] = {}
        self.peers: tuple[Frame, ...] = ()
        self.exports: dict[str, tuple[Frame, ...]] = {}
        self.pending: dict[str, int] = {}
        self.taken: dict[str, int] = {}
        self.urgent: bool = False if parent is None else parent.urgent
        """A `finally` of what is being cancelled: it isn't held back when the run is about to move."""
        self.renumbered: bool = False if parent is None else parent.renumbered
        """Inside a container that may be tried again: attempts are numbered on, since rows are keyed by them."""
        self.lenient = False
        """A race: a failure ends its branch only."""
        self.failures: list[StepError] = []

    def scope(self, needs: Needs) -> dict[str, Value]:
        """What is read, where it exists."""
        scope: dict[str, Value] = {}
        shared = self.around.names
        for name in needs.names:
            if name in shared:
                scope[name] = shared[name]
            elif name == "loop":
                self._add_loop(scope)
            else:
                self._add_variable(scope, name)
        if needs.steps:
            scope[STEPS] = {id_: view for id_ in needs.steps if (view := self.view(id_)) is not None}
        elif needs.all_steps:
            scope[STEPS] = self._all_views()
        return scope

    def view(self, id_: str) -> dict[str, Value] | None:
        """What `steps.<id>` shows from here; None where no such step is in reach."""
        frame: Frame | None = self
        while frame is not None:
            view = frame.own_view(id_)
            if view is not None:
                return view
            for peer in frame.peers:
                view = peer.own_view(id_)
                if view is not None:
                    return view
            frame = frame.parent
        return None

    def own_view(self, id_: str) -> dict[str, Value] | None:
        """The same for the frame's own steps and those inside its ended tries."""
        plan = self.plan.by_id.get(id_)
        if plan is None:
            for inner in self.exports.values():
                for frame in inner:
                    view = frame.own_view(id_)
                    if view is not None:
                        return view
            return None
        state = self.states.get(id_)
        if state is not None:
            view = state.view()
        else:
            activity = self.live.get(id_)
            view = _unfinished() if activity is None else activity.view()
        if plan.module.name in EVENT_STEPS and self.around.address is not None:
            return {**view, "resume_url": self.around.address(self.prefix + id_)}
        return view

    def _add_variable(self, scope: dict[str, Value], name: str) -> None:
        frame: Frame | None = self
        while frame is not None:
            if frame.variables is not None and name in frame.variables:
                scope[name] = frame.variables[name]
                return
            frame = frame.parent

    def _add_loop(self, scope: dict[str, Value]) -> None:
        view = self.loop_view()
        if view is not None:
            scope["loop"] = view

    def loop_view(self) -> dict[str, Value] | None:
        """What `loop` shows from here; None outside of loops."""
        frame = self.nearest_loop()
        if frame is None or frame.loop is None:
            return None
        loop = frame.loop
        view: dict[str, Value] = {"index": loop.index}
        if loop.length is not None:
            view["length"] = loop.length
            view["first"] = loop.index == 0
            view["last"] = loop.index + 1 == loop.length
        if loop.state is not None:
            view["state"] = loop.state.values
        above = None if frame.parent is None else frame.parent.nearest_loop()
        if above is None:
            view["parent"] = None
        else:
            outer = above.loop_view() or {}
            above._add_variable(outer, "item")
            view["parent"] = outer
        return view

    def nearest_loop(self) -> Frame | None:
        """The frame of the innermost iteration around, itself included."""
        frame: Frame | None = self
        while frame is not None and frame.loop is None:
            frame = frame.parent
        return frame

    def _all_views(self) -> dict[str, Value]:
        views: dict[str, Value] = {}
        frame: Frame | None = self
        while frame is not None:
            for near in (frame, *frame.peers):
                near._collect(views)
            frame = frame.parent
        return views

    def _collect(self, views: dict[str, Value]) -> None:
        for step in self.plan.steps:
            if step.id not in views:
                views[step.id] = self.own_view(step.id)
        for inner in self.exports.values():
            for frame in inner:
                frame._collect(views)


def _unfinished() -> dict[str, Value]:
    return {"status": "pending", "error": None, "started_at": None, "finished_at": None}
