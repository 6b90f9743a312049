"""One kind of load: the documents that it deploys, how its runs are asked for, and what must be true of each when all is over.

Every run has a number, which is its input's `n` and stands in each address that it calls: `/SCENE/N/…`. A scene is one file in
`chaos/scenes/` with `SCENE`; it is found by itself.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

import chaos.scenes
from engine.expressions.values import Json

Document = dict[str, Json]
Entry = Literal["async", "sync", "api"]
"""Through which door runs come: a webhook that answers at once, one that answers with the run's output, or the API."""
Then = Literal["nothing", "resume", "cancel"]


@dataclass(frozen=True, slots=True)
class Crowd:
    """No more than `most` runs of one `of(n)` are ever between their calls `/begin` and `/end`; in the order of their numbers if so told.

    Runs of an ordered crowd are asked for one after the other.
    """

    of: Callable[[int], str]
    most: int
    ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`documents` takes the ledger's address and gives the one to start last. `steps` are those that succeed in a run that goes well.

    `queues` are made before.
    """

    name: str
    documents: Callable[[str], Sequence[Document]]
    entry: Entry
    output: Callable[[int], Json]
    steps: frozenset[str]
    status: str = "succeeded"
    then: Then = "nothing"
    crowd: Crowd | None = None
    weight: int = 1
    queues: tuple[Document, ...] = ()


def all_scenes() -> dict[str, Scene]:
    """By name, in order of their names."""
    found: dict[str, Scene] = {}
    for module in pkgutil.iter_modules(chaos.scenes.__path__):
        scene = import_module(f"chaos.scenes.{module.name}").SCENE
        assert isinstance(scene, Scene)
        found[scene.name] = scene
    return found


# -- documents, in few words

RETRY: Json = {"max_attempts": 20, "initial": "100ms", "max_interval": "1s"}
"""A server that goes away in mid-request may look like a refusal to the step: it has attempts enough."""


def step(
    module: str, /, *, after: str = "", parent: str | None = None, slot: str | None = None, **inputs: Json
) -> Document:
    made: Document = {"module": module, "version": 1, "inputs": inputs, "_after": after}
    if parent is not None:
        made["parent"] = parent
    if slot is not None:
        made["slot"] = slot
    return made


def call(url: str, path: str, method: str, /, *, after: str = "", parent: str | None = None) -> Document:
    """A request to the ledger; `path` begins after the run's own part of the address."""
    return step("http.request", after=after, parent=parent, method=method, url=f"{url}/{path}") | {
        "retry": RETRY,
        "timeout": "1m",
    }


def flow(name: str, output: Json, /, *, entry: Entry = "api", settings: Json = None, **steps: Document) -> Document:
    """A document; with a hook unless it is entered by the API."""
    edges: list[Json] = []
    kept: Document = {}
    for target, one in steps.items():
        one = dict(one)
        for source in str(one.pop("_after", "")).split():
            origin, _, handle = source.partition(":")
            edges.append({"from": origin, "to": target, **({"handle": handle} if handle else {})})
        kept[target] = one
    document: Document = {"schema_version": 1, "name": name, "steps": kept, "edges": edges, "output": output}
    if settings is not None:
        document["settings"] = settings
    if entry != "api":
        document["triggers"] = {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": entry}}}
    return document
