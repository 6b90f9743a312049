"""How one frame's steps follow each other.

Each step has a count of edges that aren't resolved yet and of edges that were taken. When a step ends, each edge from
it is resolved, and taken
where its handle was given. From that alone follows who is next:

    join all    no edge unresolved: runs if one was taken, else it is skipped (and skipping resolves its own edges)
    join any    one taken: runs; no edge unresolved and none taken: it is skipped

Ready steps start in the order of their ids. A step that takes no time is carried out on the spot; any other gets a
task, unless it is alone.
When a step fails, or leaves the scope in another way, the others are cancelled and waited for before the failure goes up.

A run that is taken up again meets steps which have ended already: they come before all others, so that a failure among them is known before
anything new starts.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.core.activity import Activity
from engine.core.attempts import perform, settle_at_once, skip
from engine.core.crew import Crew
from engine.core.errors import Failed
from engine.core.frame import Frame
from engine.core.outcome import Flow, Won
from engine.core.records import StepStatus

if TYPE_CHECKING:
    from engine.core.interpreter import Run
    from engine.core.plan import StepPlan


def _by_id(step: StepPlan) -> str:
    return step.id


async def run_scope(run: Run, frame: Frame) -> None:
    """Carries out a frame to its end. Raises Failed (its error names the step), Flow, CancelledError; then nothing of it is in flight."""
    ready = list(frame.plan.starts)
    if frame.plan.edges:
        frame.pending = dict(frame.plan.pending)
    await _run(run, frame, ready)


async def run_root(run: Run, frame: Frame, started: Mapping[str, int] | None, triggered: Mapping[str, int]) -> None:
    """The same for the outermost frame, which triggers begin.

    `started` is how many edges lead from the run's trigger to each step, None where the run begins with the steps that no edge leads to;
    `triggered` the same for all triggers together.
    """
    frame.pending = dict(frame.plan.pending)
    ready: list[StepPlan] = []
    for step in frame.plan.steps:
        if started is not None:
            frame.taken[step.id] = started.get(step.id, 0)
        elif frame.pending[step.id] == 0 and step.id not in triggered:
            frame.taken[step.id] = 1
    for step in frame.plan.steps:
        if step.id in frame.states:
            continue
        if frame.pending[step.id] == 0 and not frame.taken.get(step.id, 0):
            _skipped(run, frame, step, ready)
        elif step not in ready and _is_ready(frame, step):
            insort(ready, step, key=_by_id)
    await _run(run, frame, ready)


async def _run(run: Run, frame: Frame, ready: list[StepPlan]) -> None:
    crew: Crew[str] = Crew(run.tally)
    try:
        if run.resuming:
            _reopen(run, frame, ready, crew)
        while True:
            while ready:
                if run.draining and not frame.urgent:
                    await run.hold()
                position = _remembered(run, frame, ready) if run.memo else None
                if position is None and run.resuming:
                    await run.admit(urgent=frame.urgent)
                if position is None and run.memo:
                    position = _not_cancelled(run, frame, ready)
                    if position is None and crew.busy:
                        break
                step = ready.pop(position or 0)
                activity = Activity(run, frame, step)
                if _settled(activity):
                    _resolve(run, frame, step, ready)
                elif ready or crew.busy:
                    crew.spawn(step.id, _perform(activity))
                    continue  # nothing has ended
                else:
                    await _perform(activity)
                    _resolve(run, frame, step, ready)
                if not frame.urgent:  # what is being torn down isn't held back
                    await run.effects.checkpoint()
            if not crew.busy:
                return
            ended = await crew.next()
            if run.draining and not frame.urgent:
                await run.hold()
            _resolve(run, frame, frame.plan.by_id[ended], ready)
            if not frame.urgent:
                await run.effects.checkpoint()
    except (Failed, Flow):
        try:
            await run.admit(urgent=frame.urgent)
        finally:
            await _leave(run, frame, crew)
        raise
    except BaseException:
        await _leave(run, frame, crew)
        raise


async def _leave(run: Run, frame: Frame, crew: Crew[str]) -> None:
    with run.tearing():
        await crew.dismiss()
    run.recall_cancelled(frame)


def _settled(activity: Activity) -> bool:
    """Whether the step ended on the spot; in a race its failure is known then and goes no further."""
    frame = activity.frame
    if not frame.lenient:
        return settle_at_once(activity)
    try:
        return settle_at_once(activity)
    except Failed as failure:
        frame.failures.append(failure.error)
        return True


async def _perform(activity: Activity) -> None:
    frame = activity.frame
    if not frame.lenient:
        await perform(activity)
        return
    try:
        await perform(activity)
    except Failed as failure:
        frame.failures.append(failure.error)


def _reopen(run: Run, frame: Frame, ready: list[StepPlan], crew: Crew[str]) -> None:
    for step in frame.plan.steps:
        if run.was_open(frame.prefix + step.id):
            if step in ready:
                ready.remove(step)
            activity = Activity(run, frame, step)
            if not _settled(activity):  # what was open isn't remembered as ended
                crew.spawn(step.id, _perform(activity))


def _not_cancelled(run: Run, frame: Frame, ready: list[StepPlan]) -> int | None:
    for position, step in enumerate(ready):
        if not run.was_cancelled(frame.prefix + step.id):
            return position
    return None


def _remembered(run: Run, frame: Frame, ready: list[StepPlan]) -> int | None:
    for position, step in enumerate(ready):
        if run.remembers(frame.prefix + step.id):
            return position
    return None


def _resolve(run: Run, frame: Frame, step: StepPlan, ready: list[StepPlan]) -> None:
    state = frame.states[step.id]
    if frame.lenient and step.sink and state.status is StepStatus.SUCCEEDED:
        raise Won(step.id)
    if step.targets:
        _follow(run, frame, step, ready)


def _follow(run: Run, frame: Frame, step: StepPlan, ready: list[StepPlan]) -> None:
    ended = [step]
    while ended:  # a loop, since a chain of skipped steps may be longer than the stack is deep
        source = ended.pop()
        for handle in frame.states[source.id].handles:
            for target in source.out.get(handle, ()):
                frame.taken[target.id] = frame.taken.get(target.id, 0) + 1
        for target in source.targets:
            frame.pending[target.id] -= 1
        for target in source.targets:
            if target.id in frame.states or target.id in frame.live or target in ready:
                continue  # it stands twice among the targets, or its join is `any` and it has begun
            if _is_ready(frame, target):
                insort(ready, target, key=_by_id)
            elif frame.pending[target.id] == 0:
                skip(run, frame, target)
                ended.append(target)


def _is_ready(frame: Frame, step: StepPlan) -> bool:
    taken = frame.taken.get(step.id, 0)
    return taken > 0 and (step.step.join == "any" or frame.pending[step.id] == 0)


def _skipped(run: Run, frame: Frame, step: StepPlan, ready: list[StepPlan]) -> None:
    skip(run, frame, step)
    _follow(run, frame, step, ready)
