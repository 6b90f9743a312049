"""What a run's execution is started with, as JSON: the run's head, the compiled document and how the run begins.

It stands at the beginning of each history of the run, so keys are only ever added, each with a default for histories that lack it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from engine.core.compiled import CompiledJson
from engine.core.effects import RunOptions, Simulated
from engine.core.records import Mocked
from engine.core.start import ResumeBase, RunStart, WorkflowInfo
from engine.expressions.values import Json, Value, from_json, to_json
from engine.wire import mapping, number, obj

JsonObject = dict[str, Json]


@dataclass(frozen=True, slots=True)
class RunArgs:
    """`head` goes to every activity (see `engine/activities/host.py`). `cancel`: it was asked for before this execution began."""

    head: JsonObject
    compiled: CompiledJson
    start: RunStart
    cancel: Literal["cancelled", "timed_out"] | None = None

    def dump(self) -> JsonObject:
        return {
            "head": self.head,
            "compiled": self.compiled,
            "start": dump_start(self.start),
            "cancel": self.cancel,
        }

    @staticmethod
    def load(data: JsonObject) -> RunArgs:
        cancel = data.get("cancel")
        return RunArgs(
            obj(data["head"]),
            obj(data["compiled"]),
            load_start(obj(data["start"])),
            cancel if cancel in ("cancelled", "timed_out") else None,
        )


def dump_start(start: RunStart) -> JsonObject:
    options = start.options
    return {
        "run_id": start.run_id,
        "workflow": {"id": start.workflow.id, "name": start.workflow.name, "version": start.workflow.version},
        "started_at": start.started_at,
        "trigger": _values(start.trigger),
        "trigger_id": start.trigger_id,
        "vars": _values(start.vars),
        "origin": start.origin,
        "options": {
            "mocks": options.mocks,
            "unmocked": options.unmocked,
            "simulate": options.simulate,
            "simulated": {
                step: {"output": stand.output, "source": stand.source, "handle": stand.handle}
                for step, stand in options.simulated.items()
            },
        },
        "memo": None if start.memo is None else _values(start.memo),
        "resume": None
        if start.resume is None
        else {"base_url": start.resume.base_url, "secret": start.resume.secret.hex()},
        "reply": start.reply,
        "depth": start.depth,
        "deadline": start.deadline,
        **({"limited": [*sorted(start.limited)]} if start.limited else {}),
    }


def load_start(data: JsonObject) -> RunStart:
    workflow = obj(data["workflow"])
    version = workflow["version"]
    resume = data.get("resume")
    depth = data.get("depth")
    memo = data.get("memo")
    limited = data.get("limited")
    return RunStart(
        run_id=str(data["run_id"]),
        workflow=WorkflowInfo(
            str(workflow["id"]), str(workflow["name"]), version if isinstance(version, int) else str(version)
        ),
        started_at=number(data["started_at"]) or 0.0,
        trigger=_loaded(data["trigger"]),
        trigger_id=None if data.get("trigger_id") is None else str(data["trigger_id"]),
        vars=_loaded(data.get("vars")),
        limited=frozenset(str(name) for name in limited) if isinstance(limited, list) else frozenset(),
        origin=str(data["origin"]),
        options=load_options(mapping(data.get("options"))),
        memo=None if memo is None else _loaded(memo),
        resume=ResumeBase(str(resume["base_url"]), bytes.fromhex(str(resume["secret"])))
        if isinstance(resume, dict)
        else None,
        reply=data.get("reply") is True,
        depth=depth if isinstance(depth, int) else 0,
        deadline=number(data.get("deadline")),
    )


def load_options(data: Mapping[str, Json]) -> RunOptions:
    """From what a run's header keeps: `mocks`, `unmocked`, `simulate`, `simulated`, each of them optional."""
    simulated = {
        step: Simulated(stand["output"], cast("Mocked", stand["source"]), str(stand.get("handle", "out")))
        for step, stand in mapping(data.get("simulated")).items()
        if isinstance(stand, dict)
    }
    return RunOptions(
        mocks=dict(mapping(data.get("mocks"))),
        unmocked="fail" if data.get("unmocked") == "fail" else "run",
        simulated=simulated,
        simulate=data.get("simulate") is True,
    )


def _values(values: Mapping[str, Value]) -> Json:
    return {name: to_json(value) for name, value in values.items()}


def _loaded(data: Json) -> dict[str, Value]:
    return {name: from_json(value) for name, value in mapping(data).items()}
