"""`modules`: what workflows can be made of, found by words and described one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from copilot.manual.ranking import Ranking
from copilot.tools.actions import Action, ActionTool, Call
from copilot.tools.marking import marked, shortened
from copilot.tools.tool import Answer
from engine.expressions.values import Json
from engine.problems import NotFound
from modules.registry import Registry
from modules.sdk.declaration import EffectByInput, HandlesFromInput, Module

_TITLE_WEIGHT = 4
_TOLD = 160
"""Characters of a manual that a search shows."""
_PAGE_BYTES = 12_000


@dataclass(frozen=True)
class _Index:
    modules: Sequence[Module]
    ranking: Ranking


@lru_cache(maxsize=2)
def _index(registry: Registry) -> _Index:
    """A registry never changes, so it is read once."""
    newest = [each for each in registry.all() if each.version == registry.newest(each.name)]
    texts = [
        f"{(each.name.replace('.', ' ') + ' ' + each.title + ' ') * _TITLE_WEIGHT} {each.manual}" for each in newest
    ]
    return _Index(newest, Ranking(texts))


async def _search(call: Call) -> Answer:
    index = _index(call.kit.registry)
    question = call.text("query")
    if question is None:
        names: list[Json] = [*dict.fromkeys(each.name for each in index.modules)]
        return Answer({"modules": marked(names, "modules")})
    places = index.ranking.best(question, call.limit(8, 30))
    found: list[Json] = [_short(index.modules[place]) for place in places]
    content: dict[str, Json] = {"modules": marked(found, "modules")}
    if not found:
        content["next"] = "Nothing has a word of this. Search without `query` lists the names of all modules."
    return Answer(content)


def _short(module: Module) -> Json:
    return {
        "module": module.name,
        "version": module.version,
        "title": module.title,
        "kind": module.kind,
        "effect": _effect(module),
        "about": shortened(module.manual.strip().split("\n\n")[0].replace("\n", " "), _TOLD),
    }


async def _describe(call: Call) -> Answer:
    name, version = call.text("module") or "", call.number("version")
    registry = call.kit.registry
    chosen = registry.newest(name) if version is None else version
    module = None if chosen is None else registry.get(name, chosen)
    if module is None:
        known = registry.names() if registry.newest(name) is None else ()
        raise NotFound("module", name if version is None else f"{name}@{version}", known)
    return Answer({"module": marked(_whole(module), "modules", _PAGE_BYTES)})


def _whole(module: Module) -> Json:
    shown: dict[str, Json] = {
        "module": module.name,
        "version": module.version,
        "title": module.title,
        "kind": module.kind,
        "effect": _effect(module),
        "manual": module.manual,
        "inputs": module.input_schema,
        "handles": _handles(module),
        "example": {
            "inputs": module.example.inputs,
            "output": module.example.output,
            "handle": module.example.handle,
        },
    }
    if module.slots:
        shown["slots"] = [*module.slots]
    return shown


def _effect(module: Module) -> str:
    return f"by `{module.effect.field}`" if isinstance(module.effect, EffectByInput) else str(module.effect)


def _handles(module: Module) -> Json:
    if isinstance(module.handles, HandlesFromInput):
        return {"one for each": f"{module.handles.field}[].{module.handles.key}", "and": [*module.handles.always]}
    return [*module.handles]


TOOL = ActionTool(
    name="modules",
    description=(
        "What steps and triggers can be made of. search: find modules by words (all names without `query`). "
        "describe: manual, inputs, handles and an example of one. Describe a module before you use it for the first time."
    ),
    properties={
        "query": {"type": "string", "maxLength": 500, "description": "search: what it should do, in words."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 30},
        "module": {"type": "string", "maxLength": 200, "description": "describe: `app.action`."},
        "version": {"type": "integer", "minimum": 1, "description": "describe: the newest unless given."},
    },
    actions={
        "search": Action(_search, "modules.read", optional=("query", "limit")),
        "describe": Action(_describe, "modules.read", required=("module",), optional=("version",)),
    },
)
