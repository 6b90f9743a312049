"""What a call of a module does to the world, in a sentence: `http.request PUT https://shop.example/orders/7`.

`inputs` are as the step got them in a simulation, or as they are written. The sentences hold what others wrote: they are data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.core.plan import EffectName, ScopePlan, StepPlan
from engine.expressions.values import Json
from modules.sdk.json_bytes import dumps

_LONGEST: Final = 300
_TELLING: Final = ("url", "to", "subject", "queue", "name", "key", "file_id", "workflow", "sql", "path", "model")
"""The inputs that tell most of a call, in this order."""


def sentence(module: str, inputs: Mapping[str, Json]) -> str:
    """With the inputs that say most; of a module that has none of them, all that it was given."""
    told = [module]
    method = inputs.get("method")
    if module == "http.request":
        told.append(str(method or "GET").upper())
    told += [text for text in (_text(inputs.get(name)) for name in _TELLING) if text]
    items = inputs.get("items")
    if isinstance(items, list):
        told.append(f"({len(items):,} items)")
    if len(told) == 1 and inputs:
        told.append(_text({**inputs}))
    return shortened(" ".join(told), _LONGEST)


def effect_of(step: StepPlan, inputs: Json) -> EffectName:
    """By the inputs that it got, where they decide it; `write` where they can't be known."""
    if step.effect.fixed is not None:
        return step.effect.fixed[0]
    declared = step.module.declared["effect"]
    field, absent = (declared.get("field"), declared.get("absent")) if isinstance(declared, dict) else (None, None)
    given = inputs if isinstance(inputs, dict) else {}
    return step.effect.of(given.get(str(field), absent))[0]


def steps_of(scope: ScopePlan) -> dict[str, StepPlan]:
    """At any depth, by id."""
    found: dict[str, StepPlan] = {}
    for step in scope.steps:
        found[step.id] = step
        for inner in step.slots.values():
            found.update(steps_of(inner))
    return found


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(value: Json) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else dumps(value).decode("utf-8", "replace")
    return shortened(" ".join(text.split()), _LONGEST)
