"""What the evidence doesn't show, in sentences: who approves must know where tests and the simulation end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from copilot.evidence.effects import effect_of, sentence, steps_of
from copilot.evidence.reach import reach_of
from copilot.evidence.simulating import LONGEST, Trial
from engine.core.records import StepStatus
from engine.expressions.values import Json, to_json
from engine.spec.catalog import Catalog
from engine.spec.document import JsonObject
from engine.spec.outline import outline_of

_SOURCES: Final[Mapping[str, str]] = {
    "mock": "a mock",
    "last_output": "its last real output",
    "example": "its module's example",
    "schema": "a made-up output",
}


def not_checked(document: JsonObject, catalog: Catalog, trial: Trial | None, tests: int) -> Iterator[str]:
    """`trial` None: the draft has errors, so that nothing ran. `tests` of the document."""
    if trial is None:
        yield "The draft has errors: neither its tests nor a simulation ran."
        return
    if not tests:
        yield "The workflow has no tests."
    if trial.status == "not_run":
        yield "No simulation ran: there was nothing to begin it with."
    elif trial.status == "too_long":
        yield f"The simulation took longer than {LONGEST:g} s and was given up."
    else:
        if trial.made_up:
            yield f"The simulation began with made-up data ({trial.begun}): real data may take other ways."
        yield from _simulated(trial)
    for node in outline_of(document, catalog).steps.values():
        reach = reach_of(node)
        if reach.decided:
            yield f"{node.id!r}: which host is called depends on live data."
        if reach.people_decided:
            yield f"{node.id!r}: who gets the mail depends on live data."


def would_do(trial: Trial) -> Iterator[str]:
    """A sentence for each write that the simulated run came to, and for each that it didn't, as it is written."""
    plans = steps_of(trial.plan.root)
    seen: dict[str, int] = {}
    for row in trial.rows:
        plan = plans.get(row.step)
        inputs = to_json(row.input)
        if plan is None or row.status is StepStatus.SKIPPED or effect_of(plan, inputs) != "write":
            continue
        text = f"{row.step}: {sentence(row.module, inputs if isinstance(inputs, dict) else {})}"
        seen[text] = seen.get(text, 0) + 1
    yield from (text if count == 1 else f"{text} ({count:,} times)" for text, count in seen.items())
    for id_ in _missed(trial):
        plan = plans[id_]
        if effect_of(plan, plan.step.inputs) == "write":
            yield f"{id_}: {sentence(plan.module.name, plan.step.inputs)} (as written: the simulation did not come to it)"


def shown_steps(trial: Trial) -> list[Json]:
    """Writes first, each with what it would send; then the rest in the order of the run."""
    plans = steps_of(trial.plan.root)
    writes: list[Json] = []
    rest: list[Json] = []
    for row in trial.rows:
        plan = plans.get(row.step)
        inputs = to_json(row.input)
        effect = "none" if plan is None else effect_of(plan, inputs)
        skipped = row.status is StepStatus.SKIPPED
        shown: JsonObject = {
            "step": row.path,
            "module": row.module,
            "effect": effect,
            "status": row.status.value,
            "stand_in": row.mocked,
        }
        if effect == "write" and not skipped:
            writes.append({**shown, "would": inputs})
        else:
            rest.append(shown)
    return [*writes, *rest]


def _simulated(trial: Trial) -> Iterator[str]:
    plans = steps_of(trial.plan.root)
    by_source: dict[tuple[str, str], list[str]] = {}
    for row in trial.rows:
        if row.mocked is not None:
            steps = by_source.setdefault((row.module, row.mocked), [])
            if row.step not in steps:
                steps.append(row.step)
    for (module, source), steps in by_source.items():
        if module.startswith("code."):
            yield f"The code of {_names(steps)} was not run: a mock stood in for it."
        else:
            yield f"{module} was not called: {_SOURCES.get(source, source)} stood in for {_names(steps)}."
    missed = _missed(trial)
    code = [id_ for id_ in missed if plans[id_].module.name.startswith("code.")]
    if missed:
        yield f"The simulation did not come to {_names(missed)}."
    if code:
        yield f"The code of {_names(code)} was not run."


def _missed(trial: Trial) -> list[str]:
    """Steps that no row tells of, or that were skipped wherever they stand."""
    if trial.status in ("not_run", "too_long"):
        return list(steps_of(trial.plan.root))
    reached = {row.step for row in trial.rows if row.status is not StepStatus.SKIPPED}
    return [id_ for id_ in steps_of(trial.plan.root) if id_ not in reached]


def _names(steps: list[str]) -> str:
    some = ", ".join(repr(id_[:60]) for id_ in steps[:8])
    return some + (f" and {len(steps) - 8:,} more" if len(steps) > 8 else "")
