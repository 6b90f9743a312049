"""Random documents: valid by construction, of all constructs, and the worlds to run them in.

Edges only lead from earlier to later made steps of one slot, so there are no cycles; ids are drawn apart from that
order. Expressions read only what is upstream. `calm` documents have nothing whose outcome depends on when something
happens: no race, no early way out, no failure that meets siblings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from engine.core.effects import ChildEnd, ModuleCall
from tests.engine.core.fake import BEGIN, Answer, World

HANDLES = {"if": ("true", "false"), "wait_for_event": ("out", "timeout")}
SIMPLE = ("set", "if", "http", "http", "wait", "log", "merge", "respond", "subworkflow", "wait_for_event")
CONTAINERS = ("for_each", "try", "while", "race")


class _Maker:
    def __init__(self, draw: Callable[..., Any], *, calm: bool) -> None:
        self.draw = draw
        self.calm = calm
        self.steps: dict[str, Any] = {}
        self.edges: list[Any] = []
        self.left = draw(st.integers(1, 14))
        self.responded = False

    def chance(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) < percent

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def new_id(self) -> str:
        number = len(self.steps)
        return f"{self.pick(*'abcdefgh')}{number}"

    def slot(self, parent: str | None, slot: str, *, loop: str | None, depth: int, least: int = 0) -> None:
        made: list[str] = []
        for number in range(max(least, self.draw(st.integers(0, 4)))):
            if self.left <= 0 and number >= least:
                return
            self.left -= 1
            id_ = self.new_id()
            upstream = [other for other in made if self.chance(45)]
            self.steps[id_] = self.step(id_, upstream, loop, depth)
            if parent is not None:
                self.steps[id_] |= {"parent": parent, "slot": slot}
            for other in upstream:
                self.edges.append({"from": other, "to": id_, "handle": self.handle(other)})
            made.append(id_)

    def handle(self, id_: str) -> str:
        step = self.steps[id_]
        handles = list(HANDLES.get(step["module"].removeprefix("core."), ("out",)))
        if step.get("on_error") == "branch":
            handles.append("error")
        return self.pick(*handles)

    def step(self, id_: str, upstream: list[str], loop: str | None, depth: int) -> dict[str, Any]:
        kinds = list(SIMPLE)
        if depth < 3:
            kinds += [kind for kind in CONTAINERS * 2 if not (self.calm and kind == "race")]
        if not self.calm:
            kinds += ["fail", "stop", "assert"]
            if loop is not None:
                kinds += ["break", "continue"]
        if loop == "while":
            kinds += ["set_state"] if not self.calm else []
        kind = self.pick(*kinds)
        step: dict[str, Any] = {"version": 1, "module": "http.request" if kind == "http" else f"core.{kind}"}
        step["inputs"] = self.inputs(kind, upstream)
        self.common(step, kind)
        self.steps[id_] = step
        if kind == "for_each":
            self.slot(id_, "body", loop="for_each", depth=depth + 1, least=1)
        elif kind == "while":
            self.slot(id_, "body", loop="while", depth=depth + 1)
            counter = self.new_id()
            self.steps[counter] = {
                "version": 1,
                "module": "core.set_state",
                "inputs": {"state": {"n": "{{ index + 1 }}"}},
                "parent": id_,
            }
        elif kind == "race":
            self.slot(id_, "body", loop=loop, depth=depth + 1, least=1)
        elif kind == "try":
            self.slot(id_, "body", loop=loop, depth=depth + 1, least=1)
            if self.chance(50):
                self.slot(id_, "catch", loop=loop, depth=depth + 1, least=1)
            if self.chance(60):
                self.slot(id_, "finally", loop=None if self.calm else loop, depth=depth + 1, least=1)
        return step

    def common(self, step: dict[str, Any], kind: str) -> None:
        if self.chance(8):
            step["disabled"] = True
        if self.chance(25):
            step["join"] = "any" if not self.calm else "all"
        if self.chance(25) or (self.calm and kind in ("wait_for_event", "respond")):
            step["on_error"] = self.pick("continue", "branch")
        if self.chance(15):
            step["throttle"] = {
                "key": self.pick("one", "{{ run.id }}")
                if self.calm or self.chance(90)
                else "{{ trigger.body.none.at_all }}",
                "count": self.pick(1, 2, 3),
                "per": self.pick("1s", "10s"),
            }
        if kind == "http" and self.chance(40):
            step["retry"] = {
                "max_attempts": self.pick(1, 2, 3),
                "initial": self.pick("1s", "10s"),
                "on_lost": "retry" if self.calm else self.pick("retry", "fail"),
            }
        if not self.calm and kind in CONTAINERS and self.chance(20):
            step["timeout"] = self.pick(1, 5, 60)
        if not self.calm and kind in CONTAINERS and self.chance(15):
            step["retry"] = {"max_attempts": 2, "on": ["*"], "initial": "2s"}

    def inputs(self, kind: str, upstream: list[str]) -> dict[str, Any]:
        read = {other: f"{{{{ [steps.{other}.status, steps.{other}.output | default('-')] }}}}" for other in upstream}
        match kind:
            case "set":
                return {"values": read}
            case "merge":
                return {"values": [{"a": 1}, read], "strategy": "deep"}
            case "if":
                return {"condition": self.pick(True, False, "{{ input.n > 3 }}")}
            case "http":
                return {"method": self.pick("GET", "PUT", "POST"), "url": "https://example.com/", "json": read}
            case "wait":
                return {"duration": self.pick(0, 1, 7, 40)}
            case "log":
                return {"message": "hello"}
            case "respond":
                return {"body": read}
            case "subworkflow":
                return {"workflow": "other", "wait": self.pick(True, True, False)}
            case "wait_for_event":
                return {"timeout": self.pick(5, 50)}
            case "for_each":
                return {
                    "items": list(range(self.draw(st.integers(0, 4)))),
                    "concurrency": self.pick(1, 2, 3),
                    "collect": self.pick("{{ index }}", "{{ item }}"),
                    "on_item_error": "continue" if self.calm else self.pick("fail", "continue"),
                }
            case "while":
                return {
                    "condition": f"{{{{ loop.state.n < {self.pick(0, 1, 3)} }}}}",
                    "state": {"n": 0},
                    "max_iterations": 50,
                }
            case "fail":
                return {"code": self.pick("my.error", "http.503"), "message": "no"}
            case "assert":
                return {"condition": self.pick(True, False)}
            case "stop":
                return self.pick({"output": 1}, {"status": "cancelled"}, {})
            case "set_state":
                return {"state": {"x": "{{ index }}"}}
            case _:
                return {}


@st.composite
def documents(draw: Callable[..., Any], *, calm: bool = False) -> dict[str, Any]:
    """A document."""
    maker = _Maker(draw, calm=calm)
    maker.slot(None, "body", loop=None, depth=0, least=1)
    return {"schema_version": 1, "name": "random", "steps": maker.steps, "edges": maker.edges}


def number(*parts: object) -> int:
    """The same for the same parts, in each process."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def world(seed: int, *, calm: bool = False) -> World:
    """A world in which what happens follows from the seed and the step's path, and nothing from when it is asked."""

    def answer(call: ModuleCall, made: int) -> Answer:
        n = number(seed, call.path, made)
        error = None if calm or n % 10 < 7 else ("http.503", "http.404", "http.429")[n % 3]
        return Answer(
            {"n": n % 100},
            error=error,
            seconds=(0.0, 0.0, 1.0, 3.0, 20.0)[n // 10 % 5],
            lost=not calm and n % 97 == 0,
        )

    made = World(answer=answer, seed=seed)
    if calm:  # names that don't depend on who starts first
        made.name_child = lambda child, _: f"child of {child.path}"
    made.children = {
        f"child-{index}": (
            BEGIN + number(seed, "child", index) % 60,
            ChildEnd("succeeded" if calm else ("succeeded", "failed", "cancelled")[number(seed, index) % 3], {"c": 1}),
        )
        for index in range(50)
    }
    return made
