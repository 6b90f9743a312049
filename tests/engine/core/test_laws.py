"""What holds for any document in any world."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.records import RunStatus
from tests.engine.core.documents import documents, world
from tests.engine.core.fake import BEGIN, Answer, Ran, World, document, http, run, run_in_pieces, step

SEEDS = st.integers(0, 2**16)
BODY = {"n": 5}
some = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def frames(ran: Ran) -> dict[str, dict[str, Any]]:
    """Rows of last attempts, by frame and id."""
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(ran.world.rows.values(), key=lambda row: row.attempt):
        prefix, _, id_ = row.path.rpartition(".")
        found.setdefault(prefix, {})[id_] = row
    return found


def oracle(doc: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, str]:
    """Of one frame in which all came to its end: which steps ran and which were skipped, by the rules as they are written."""
    verdict: dict[str, str] = {}
    siblings = list(rows)
    while len(verdict) < len(siblings):
        before = len(verdict)
        for id_ in siblings:
            edges = [edge for edge in doc["edges"] if edge["to"] == id_]
            if id_ in verdict or any(edge["from"] not in verdict for edge in edges):
                continue
            taken = any(edge["handle"] in (rows[edge["from"]].handle or "").split(",") for edge in edges)
            if edges and not taken:
                verdict[id_] = "skipped"
            else:
                verdict[id_] = "skipped" if doc["steps"][id_].get("disabled") else "ran"
        assert len(verdict) > before, f"a step of the slot has no row: {sorted(rows)}"
    return verdict


@some
@given(documents(), SEEDS)
def test_every_run_ends_and_every_row_with_it(doc: dict[str, Any], seed: int) -> None:
    ran = asyncio.run(run(doc, BODY, world=world(seed)))
    assert ran.end.status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
    assert (ran.end.error is not None) == (ran.end.status is RunStatus.FAILED)


@few
@given(documents(), SEEDS)
def test_the_same_answers_give_the_same_run(doc: dict[str, Any], seed: int) -> None:
    first = asyncio.run(run(doc, BODY, world=world(seed)))
    second = asyncio.run(run(doc, BODY, world=world(seed)))
    assert first.world.order == second.world.order
    assert [call.path for call in first.world.calls] == [call.path for call in second.world.calls]
    assert first.end == second.end


@some
@given(documents(calm=True), SEEDS)
def test_what_runs_and_what_is_skipped_is_as_the_rules_say(doc: dict[str, Any], seed: int) -> None:
    ran = asyncio.run(run(doc, BODY, world=world(seed, calm=True)))
    for prefix, rows in frames(ran).items():
        slots: dict[str, dict[str, Any]] = {}
        for id_, row in rows.items():
            slots.setdefault(doc["steps"][id_].get("slot", ""), {})[id_] = row
        for slot in slots.values():
            if any(row.status.value == "cancelled" for row in slot.values()):
                continue
            if any(row.status.value == "failed" and not row.handle for row in slot.values()):
                continue
            said = {id_: "skipped" if row.status.value == "skipped" else "ran" for id_, row in slot.items()}
            assert said == oracle(doc, slot), prefix


def facts(ran: Ran) -> dict[Any, Any]:
    """What a run came to, apart from times."""
    return {
        key: (row.status, row.output if row.module != "core.respond" else None, row.handle, row.error)
        for key, row in ran.world.rows.items()
    }


@few
@given(documents(calm=True), SEEDS, st.integers(1, 6))
def test_a_run_in_pieces_comes_to_the_same(doc: dict[str, Any], seed: int, every: int) -> None:
    for one in doc["steps"].values():  # who is first to answer depends on times
        if one["module"] == "core.respond":
            one["module"], one["inputs"] = "core.log", {"message": "x"}
    whole = asyncio.run(run(doc, BODY, world=world(seed, calm=True)))
    parts, _ = asyncio.run(run_in_pieces(doc, BODY, world=world(seed, calm=True), every=every))
    assert parts.end == whole.end
    assert facts(parts) == facts(whole)


@some
@given(documents(), SEEDS, st.integers(1, 6))
def test_a_wild_run_in_pieces_ends_and_no_terminal_row_changes(doc: dict[str, Any], seed: int, every: int) -> None:
    parts, _ = asyncio.run(run_in_pieces(doc, BODY, world=world(seed), every=every))
    assert parts.end.status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


@some
@given(documents(), SEEDS, st.floats(0, 60))
def test_a_cancelled_run_ends_and_its_finallys_have_run(doc: dict[str, Any], seed: int, at: float) -> None:
    ran = asyncio.run(run(doc, BODY, world=world(seed), cancel_at=at))
    if ran.world.now <= BEGIN + at and ran.end.status is not RunStatus.CANCELLED:
        return  # it was over before
    assert ran.end.status in (RunStatus.CANCELLED, RunStatus.SUCCEEDED, RunStatus.FAILED)
    begun = {row.path for row in ran.world.rows.values()}
    for path in begun:
        id_ = path.rpartition(".")[2]
        if doc["steps"][id_]["module"] != "core.try" or ran.row(path).status.value == "skipped":
            continue
        if not any(other.startswith(f"{path}.") for other in begun):
            continue  # nothing in it had begun
        finals = [
            other for other, step in doc["steps"].items() if step.get("parent") == id_ and step.get("slot") == "finally"
        ]
        assert not finals or any(f"{path}.{other}" in begun for other in finals), path


def test_a_run_that_moves_while_it_is_taken_up_begins_no_call_that_it_would_leave_behind() -> None:
    doc = document(
        {
            "one": step("wait", {"duration": 7}),
            "other": step("wait", {"duration": 7}),
            "call": http(),
        },
        edges=["one call"],
    )
    slow = World(answer=lambda call, made: Answer(made, seconds=3))
    ran, _ = asyncio.run(run_in_pieces(doc, world=slow, every=1))
    assert ran.end.status is RunStatus.SUCCEEDED
    assert [call.path for call in ran.world.calls] == ["call"]
