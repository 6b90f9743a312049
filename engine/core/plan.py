"""The plan of a document: its steps as scopes with edges, every value compiled. Built once for all runs of one compiled document.

A *scope* is the steps of one slot of one container (the root is one too), with the edges among them. A *frame*
(`frame.py`) is a scope that is being
carried out: a loop's body has one scope and a frame for each iteration.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, cast

from engine.core.compiled import CompiledJson
from engine.core.needs import Needs, needs_of
from engine.core.node import Node
from engine.core.nodes.registry import CALL, NODES, PURE
from engine.core.retry import DEFAULT_ATTEMPTS, RetryPolicy, policy_of
from engine.core.source import Source, compile_source
from engine.core.throttle import ThrottlePlan
from engine.expressions.values import Json
from engine.spec.document import NEVER_YIELD, Document, Step
from engine.spec.load import load

EffectName = Literal["none", "read", "write"]

_CACHED = 256


class EffectPlan:
    """What a step does to the world. `source` is the input that decides it where that is an expression; else `cases[None]` holds."""

    __slots__ = ("absent", "cases", "default", "fixed", "source")

    def __init__(self, declared: Mapping[str, Json], inputs: Mapping[str, Json]) -> None:
        self.fixed: tuple[EffectName, bool] | None = None
        self.source: Source | None = None
        self.cases: dict[str, tuple[EffectName, bool]] = {}
        self.default: tuple[EffectName, bool] = ("write", False)
        if "field" not in declared:
            self.fixed = _effect(declared)
            return
        cases = cast("dict[str, dict[str, Json]]", declared["cases"])
        self.cases = {key: _effect(case) for key, case in cases.items()}
        self.default = _effect(cast("dict[str, Json]", declared["default"]))
        source = compile_source(inputs.get(cast("str", declared["field"]), declared["absent"]))
        if source.template.constant:
            self.fixed = self.of(source.render({}))
        else:
            self.source = source

    def of(self, value: object) -> tuple[EffectName, bool]:
        """The effect, and whether repeating it changes nothing more, for this value of the deciding input."""
        return self.cases.get(value.upper(), self.default) if isinstance(value, str) else self.default


class ModulePlan:
    """What a compiled document knows of one module."""

    __slots__ = (
        "control",
        "declared",
        "handles",
        "isolated",
        "key",
        "long",
        "name",
        "pure",
        "retry",
        "slots",
        "timeout",
        "version",
    )

    def __init__(self, key: str, declared: Mapping[str, Json]) -> None:
        self.key = key
        self.name, _, version = key.rpartition("@")
        self.version = int(version)
        self.declared = declared
        self.control = declared["kind"] == "control"
        self.isolated = declared["isolated"] is True
        self.long = declared["long"] is True
        self.pure = declared["pure"] is True
        self.timeout = float(cast("float", declared["timeout"]))
        self.retry = cast("dict[str, Json]", declared["retry"])
        self.slots = tuple(cast("list[str]", declared["slots"]))
        handles = declared["handles"]
        self.handles = tuple(cast("list[str]", handles)) if isinstance(handles, list) else None


class StepPlan:
    """One step, ready to be carried out."""

    __slots__ = (
        "call_needs",
        "effect",
        "id",
        "inline",
        "inputs",
        "later",
        "module",
        "node",
        "out",
        "sink",
        "slots",
        "step",
        "targets",
        "throttle",
    )

    def __init__(self, step: Step, module: ModulePlan, now: dict[str, Json], later: dict[str, Json]) -> None:
        self.id = step.id
        self.step = step
        self.module = module
        self.node: Node = _node(module)
        self.inline = self.node.evaluate is not None
        self.inputs = compile_source(cast("Json", now))
        self.later: dict[str, Source] = {pointer: compile_source(value) for pointer, value in later.items()}
        references = [*self.inputs.template.references]
        for source in self.later.values():
            references += source.template.references
        self.call_needs: Needs = needs_of(references) if later else self.inputs.needs
        self.effect = EffectPlan(cast("dict[str, Json]", module.declared["effect"]), step.inputs)
        self.throttle = ThrottlePlan.of(step.throttle)
        self.slots: dict[str, ScopePlan] = {}
        self.out: dict[str, tuple[StepPlan, ...]] = {}
        """By handle; a target stands twice where two edges lead to it."""
        self.targets: tuple[StepPlan, ...] = ()
        """The targets of all edges, by id; a target stands once for each edge."""
        self.sink = True

    def policy(self, idempotent: bool, effect: EffectName) -> RetryPolicy:
        """Containers and other constructs are tried once unless the author says otherwise: to repeat them is to repeat what is inside."""
        again = idempotent if effect == "write" else not (self.module.control and effect == "none")
        attempts = DEFAULT_ATTEMPTS if again else 1
        return policy_of(self.step.retry, self.module.retry, attempts)


class ScopePlan:
    """The steps of one slot, by id in order, and how many edges lead to each."""

    __slots__ = ("by_id", "edges", "pending", "pure", "sink", "starts", "steps")

    def __init__(self, steps: list[StepPlan]) -> None:
        self.steps = tuple(sorted(steps, key=lambda step: step.id))
        self.by_id = {step.id: step for step in self.steps}
        self.pending = {step.id: 0 for step in self.steps}
        for step in self.steps:
            for target in step.targets:
                self.pending[target.id] += 1
        self.edges = any(step.targets for step in self.steps)
        self.starts = tuple(step for step in self.steps if self.pending[step.id] == 0)
        sinks = [step for step in self.steps if step.sink and step.step.module not in NEVER_YIELD]
        self.sink: StepPlan | None = sinks[0] if len(sinks) == 1 else None
        """The step whose output is the slot's; None where there are several."""
        self.pure = all(
            step.inline and step.step.retry.max_attempts is None and step.throttle is None for step in self.steps
        )
        """Whether carrying it out takes no time, so that it needs no task of its own."""


class Plan:
    """`root` is the document's outermost scope; `started` gives, by trigger, how many of its edges lead to each root step."""

    __slots__ = ("document", "hash", "output", "root", "started", "triggered")

    def __init__(self, compiled: CompiledJson) -> None:
        self.hash = cast("str", compiled["hash"])
        self.document: Document = load(compiled["document"])
        self.output: Source | None = compile_source(self.document.output) if self.document.has_output else None
        steps = _steps(self.document, compiled)
        _connect(self.document, steps)
        scopes: dict[tuple[str | None, str], list[StepPlan]] = {}
        for step in steps.values():
            scopes.setdefault((step.step.parent, step.step.slot if step.step.parent else ""), []).append(step)
        self.root = ScopePlan(scopes.get((None, ""), []))
        for step in steps.values():
            for slot in step.module.slots:
                step.slots[slot] = ScopePlan(scopes.get((step.id, slot), []))
        self.started: dict[str, dict[str, int]] = {}
        self.triggered: dict[str, int] = {}
        """How many triggers' edges lead to each root step."""
        for edge in self.document.edges:
            if edge.source in self.document.triggers:
                counts = self.started.setdefault(edge.source, {})
                counts[edge.target] = counts.get(edge.target, 0) + 1
                self.triggered[edge.target] = self.triggered.get(edge.target, 0) + 1


def build_plan(compiled: CompiledJson) -> Plan:
    """The plan of what `compile_run` gave; the same object for the same hash."""
    return _cached(_Keyed(cast("str", compiled["hash"]), compiled))


class _Keyed:
    __slots__ = ("compiled", "hash")

    def __init__(self, hash_: str, compiled: CompiledJson) -> None:
        self.hash = hash_
        self.compiled = compiled

    def __hash__(self) -> int:
        return hash(self.hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.hash == self.hash


@lru_cache(maxsize=_CACHED)
def _cached(keyed: _Keyed) -> Plan:
    return Plan(keyed.compiled)


def _steps(document: Document, compiled: CompiledJson) -> dict[str, StepPlan]:
    declared = cast("dict[str, dict[str, Json]]", compiled["modules"])
    modules = {key: ModulePlan(key, value) for key, value in declared.items()}
    cut = cast("dict[str, dict[str, dict[str, Json]]]", compiled["inputs"])
    plans: dict[str, StepPlan] = {}
    for id_, step in document.steps.items():
        parts = cut.get(id_)
        now, later = (step.inputs, {}) if parts is None else (parts["now"], parts["later"])
        plans[id_] = StepPlan(step, modules[f"{step.module}@{step.version}"], now, later)
    return plans


def _connect(document: Document, steps: dict[str, StepPlan]) -> None:
    by_handle: dict[str, dict[str, list[StepPlan]]] = {}
    for edge in document.edges:
        if edge.source in steps:
            by_handle.setdefault(edge.source, {}).setdefault(edge.handle, []).append(steps[edge.target])
    for source, handles in by_handle.items():
        plan = steps[source]
        plan.out = {handle: tuple(sorted(found, key=lambda step: step.id)) for handle, found in handles.items()}
        every = [step for found in handles.values() for step in found]
        plan.targets = tuple(sorted(every, key=lambda step: step.id))
        plan.sink = False


def _effect(declared: Mapping[str, Json]) -> tuple[EffectName, bool]:
    return cast("EffectName", declared["effect"]), declared["idempotent"] is True


def _node(module: ModulePlan) -> Node:
    if module.control:
        return NODES[module.name]
    return NODES.get(module.name, PURE if module.pure else CALL)
