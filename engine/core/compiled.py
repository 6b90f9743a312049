"""A document with all that the interpreter must know of its modules, as JSON: what a run is started with.

A run carries this, not the registry's present state, so that a continued or repeated execution reads the same bytes whatever was
installed since. `hash` is over all the rest: equal hashes mean the same plan.

    {"document": without tests and layout,
     "modules": {"http.request@1": {kind effect isolated handles slots timeout retry long pure keeps}},
     "inputs": {step: {"now": …, "later": {pointer: …}}}, only of steps with parts that aren't resolved before they run,
     "hash": hex}
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeAlias, cast

from engine.expressions.values import Json
from engine.spec.canonical import canonical_bytes
from engine.spec.xeval import split_inputs
from modules.sdk.declaration import EffectByInput, EffectOf, HandlesFromInput, Module

CompiledJson: TypeAlias = "dict[str, Json]"

_NOT_RUN = ("tests", "layout", "description", "title")


def compile_run(document: Json, modules: Mapping[str, Module]) -> CompiledJson:
    """Compiles a document that has no error findings; `modules` by `app.action@version` may hold more than it uses.

    Raises KeyError with the name of a module that isn't there.
    """
    source = cast("dict[str, Json]", document)
    steps = cast("dict[str, dict[str, Json]]", source.get("steps") or {})
    used: dict[str, Json] = {}
    inputs: dict[str, Json] = {}
    for id_, step in steps.items():
        key = f"{step['module']}@{step['version']}"
        module = modules[key]
        used[key] = _module(module)
        parts = split_inputs(module.input_schema, cast("dict[str, Json]", step.get("inputs") or {}))
        if not parts.plain:
            inputs[id_] = {"now": parts.now, "later": parts.later}
    compiled: CompiledJson = {
        "document": {key: value for key, value in source.items() if key not in _NOT_RUN},
        "modules": used,
        "inputs": inputs,
    }
    compiled["hash"] = hashlib.sha256(canonical_bytes(compiled)).hexdigest()
    return compiled


def _module(module: Module) -> Json:
    compiled = _declared(module)
    return {**compiled, "keeps": True} if module.keeps else compiled


def _declared(module: Module) -> dict[str, Json]:
    return {
        "kind": module.kind,
        "effect": _effect(module),
        "isolated": module.isolated,
        "handles": _handles(module.handles),
        "slots": list(module.slots),
        "timeout": module.timeout,
        "retry": {
            "max_attempts": module.retry.max_attempts,
            "initial": module.retry.initial,
            "backoff": module.retry.backoff,
            "max_interval": module.retry.max_interval,
            "jitter": module.retry.jitter,
            "on": list(module.retry.on),
        },
        "long": module.long,
        "pure": module.pure is not None,
    }


def _effect(module: Module) -> Json:
    effect = module.effect
    if isinstance(effect, EffectByInput):
        return {
            "field": effect.field,
            "cases": {key: _one(case) for key, case in effect.cases.items()},
            "default": _one(effect.default),
            "absent": effect.absent,
        }
    return _one(EffectOf(effect, module.idempotent))


def _one(effect: EffectOf) -> Json:
    return {"effect": effect.effect.value, "idempotent": effect.idempotent}


def _handles(handles: tuple[str, ...] | HandlesFromInput) -> Json:
    if isinstance(handles, HandlesFromInput):
        return {"field": handles.field, "key": handles.key, "always": list(handles.always)}
    return list(handles)
