"""What a person is shown before they approve a draft: what changes, what was tried, what stands out, and what nobody checked.

    {"workflow": name, "revision": of the draft, "content_hash": of the draft, "live_version": number or null, "note": text or null,
     "diff": {"steps", "edges", "other"},                  as `engine/spec/diff.py` has it, from the live version (or nothing) to the draft
     "findings": [{"code", "path", "message", "hint", "severity"}],
     "tests": {"passed": n, "failed": n, "results": [{"name", "passed", "run_id", "failures"}]},
     "simulation": {"status", "from", "error", "steps": [{"step": path, "module", "effect": "none|read|write", "status", "stand_in",
                    "would": resolved inputs, only of writes}]},
     "effects": ["notify: http.request PUT https://shop.example/orders/7", …],        what would be done, a sentence each
     "not_checked": [sentence, …],
     "stands_out": [{"kind", "text", "node", "path"}],     kinds: `copilot/evidence/standing_out.py`
     "parts": [{"part": "1", "title", "steps": [id], "edges": [{"change", "edge"}], "stands_out": [text], "changes": [[…]]}]}

`simulation.status` is a run's status, or `not_run` (nothing to begin with, or errors in the draft: `error` says which) or `too_long`; `from` is
`the test 'name'` or what was made up; `stand_in` says what stood in for the module: `mock`, `last_output`, `example`, `schema` or null.

A part can be approved without the others (`copilot/evidence/parts.py`); `changes` names what is in it for `copilot/evidence/keeping.py`, and
is empty where there is one part alone, which is everything.

It has at most `MOST` bytes as JSON: texts and lists are cut, and `not_checked` says so of each list. Secrets are never in it: a simulation sees
their shapes only, and what looks like one in the document is masked.

The draft may not move while it is looked at: `draft.stale`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from copilot.evidence.parts import Part, joined, parts_of
from copilot.evidence.simulating import Trial, trial
from copilot.evidence.standing_out import Outstanding, stands_out
from copilot.evidence.told import clean, listed
from copilot.evidence.unchecked import not_checked, shown_steps, would_do
from copilot.tools.kit import Kit
from copilot.tools.marking import capped
from copilot.tools.tool import Asker
from engine.expressions.values import Json
from engine.problems import Conflict
from engine.runs.lookup import workspace_view
from engine.runs.reading import acting
from engine.spec.catalog import WorkspaceView
from engine.spec.diff import diff
from engine.spec.document import JsonObject
from engine.spec.finding import has_errors
from engine.spec.upgrade import upgrade
from engine.spec.validate import validate
from modules.sdk.json_bytes import dumps

ChangeSet: TypeAlias = "dict[str, Json]"

MOST: Final = 60_000
_PARTS: Final = 7_000
_TESTS_LONGEST: Final = 120.0
_NOT_RUN: Final[JsonObject] = {"passed": 0, "failed": 0, "results": []}


async def change_set(kit: Kit, asker: Asker, workflow: str, note: str | None = None) -> ChangeSet:
    """Of the draft of `workflow` (id or name). Raises `NotFound`, `Conflict` `draft.stale`, `Problem` 403 for connections that aren't theirs."""
    seen = await _seen(kit, asker, workflow)
    tried, tests, told = await _tried(kit, asker, workflow, seen)
    draft = await kit.definitions.draft(asker.workspace_id, workflow)
    if draft["revision"] != seen.draft["revision"]:
        raise Conflict("draft.stale", "The draft was changed while it was looked at. Ask again.")
    return await asyncio.to_thread(_made, kit, seen, tried, tests, told, note)


@dataclass(frozen=True, slots=True)
class _Seen:
    name: str
    draft: JsonObject
    document: JsonObject
    live_version: int | None
    live: Json
    workspace: WorkspaceView

    @property
    def errors(self) -> bool:
        findings = self.draft["findings"]
        return isinstance(findings, list) and any(
            isinstance(one, dict) and one.get("severity") == "error" for one in findings
        )


async def _seen(kit: Kit, asker: Asker, workflow: str) -> _Seen:
    shown = await kit.definitions.get(asker.workspace_id, asker.slug, workflow)
    draft = cast("JsonObject", shown["draft"])
    number = shown["live_version"]
    live: Json = None
    if isinstance(number, int):
        version = await kit.definitions.version(asker.workspace_id, str(shown["workflow_id"]), number)
        live = upgrade(version["document"])
    async with acting(kit.db, asker.workspace_id) as conn:
        view = await workspace_view(conn, asker.workspace_id)
    document = cast("JsonObject", upgrade(draft["document"]))
    return _Seen(str(shown["name"]), draft, document, number if isinstance(number, int) else None, live, view)


async def _tried(kit: Kit, asker: Asker, workflow: str, seen: _Seen) -> tuple[Trial | None, JsonObject, list[str]]:
    """The simulated run, the tests' report, and what is to be said of it."""
    if seen.errors:
        return None, _NOT_RUN, []
    target = await kit.lookup.target(asker.workspace_id, workflow, "draft", asker.role)
    tried = await trial(kit, asker, target, seen.document)
    try:
        async with asyncio.timeout(_TESTS_LONGEST):
            tests = await kit.tester.test(asker.workspace_id, workflow, authority=asker.role)
    except TimeoutError:
        return tried, _NOT_RUN, [f"The tests took longer than {_TESTS_LONGEST:g} s and were given up."]
    return tried, tests, []


def _made(
    kit: Kit, seen: _Seen, tried: Trial | None, tests: JsonObject, told: Sequence[str], note: str | None
) -> ChangeSet:
    cuts = _Cuts()
    outstanding = stands_out(seen.live, seen.document, kit.registry, seen.workspace.secrets)

    def valid(document: Json) -> bool:
        return not has_errors(validate(document, kit.registry, seen.workspace, "deploy"))

    parts = parts_of(seen.live, seen.document, kit.registry, valid)
    shown_tests, shown_diff = _tests(tests, cuts), _diff(diff(seen.live or {}, seen.document), cuts)
    steps = [] if tried is None else cuts.list(shown_steps(tried), 8_000, 1_500, "steps of the simulation")
    error: Json = {"message": "the draft has errors"} if tried is None else tried.error
    made: ChangeSet = {
        "workflow": seen.name,
        "revision": seen.draft["revision"],
        "content_hash": seen.draft["content_hash"],
        "live_version": seen.live_version,
        "note": note,
        "diff": shown_diff,
        "findings": cuts.list(cast("list[Json]", seen.draft["findings"]), 3_000, 600, "findings"),
        "tests": shown_tests,
        "simulation": {
            "status": "not_run" if tried is None else tried.status,
            "from": None if tried is None else tried.begun,
            "error": capped(clean(error), 1_000),
            "steps": steps,
        },
        "effects": cuts.list([] if tried is None else [*would_do(tried)], 4_000, 400, "effects"),
        "stands_out": cuts.list([one.to_json() for one in outstanding], 6_000, 600, "things that stand out"),
        "parts": _parts(parts, outstanding),
    }
    unchecked: list[Json] = [*cuts.told, *told, *not_checked(seen.document, kit.registry, tried, _count(seen.document))]
    made["not_checked"] = _with_rest(unchecked, 4_000, 600)
    return made


def _with_rest(texts: list[Json], most: int, each: int) -> list[Json]:
    found = listed(texts, most, each)
    return [*found.kept, f"… and {found.left:,} more"] if found.left else found.kept


class _Cuts:
    """What was left out, in sentences."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def list(self, values: Sequence[Json], most: int, each: int, what: str) -> list[Json]:
        found = listed(values, most, each)
        if found.left:
            self.told.append(f"There are {found.left:,} more {what} than are shown here: look at the draft itself.")
        if found.cut:
            self.told.append(f"Long texts are cut here in {found.cut:,} of the {what}: look at the draft itself.")
        return found.kept


def _diff(whole: JsonObject, cuts: _Cuts) -> JsonObject:
    steps, edges, other = (cast("list[Json]", whole[key]) for key in ("steps", "edges", "other"))
    return {
        "steps": cuts.list(steps, 13_000, 4_000, "changed steps"),
        "edges": cuts.list(edges, 3_000, 400, "changed edges"),
        "other": cuts.list(other, 5_000, 2_000, "other changes"),
    }


def _tests(report: JsonObject, cuts: _Cuts) -> JsonObject:
    results = cast("list[Json]", report["results"])
    failed_first = sorted(results, key=lambda one: isinstance(one, dict) and one.get("passed") is True)
    return {**report, "results": cuts.list(failed_first, 3_000, 800, "results of tests")}


def _parts(parts: Sequence[Part], outstanding: Sequence[Outstanding]) -> list[Json]:
    """Where there is one only it has nothing that isn't said already; what no part's step does is of the part that changes the tests."""
    if len(parts) < 2:
        return [part.to_json(alone=True) for part in parts]
    made: list[Json] = []
    for part in parts:
        tests = any(change[0] == "test" or change == ("field", "tests") for change in part.changes)
        own: list[Json] = [one.text for one in outstanding if one.node in part.nodes or (one.node is None and tests)]
        made.append(part.to_json(_with_rest(own, 900, 250)))
    return made if len(dumps(made)) <= _PARTS else [joined(parts).to_json(alone=True)]


def _count(document: JsonObject) -> int:
    tests = document.get("tests")
    return len(tests) if isinstance(tests, list) else 0
