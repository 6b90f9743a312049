"""The checker sees what it is there for: each promise, broken by hand in otherwise good evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from chaos.checker import check
from chaos.evidence import Evidence, InTemporal
from chaos.ledger import Request
from chaos.load import Caller
from chaos.scene import Crowd, Scene
from db.evidence import AttemptFact, Left, RunFact
from db.ids import RunId

SCENE = Scene(
    name="keyed",
    documents=lambda url: [],
    entry="async",
    output=lambda n: n,
    steps=frozenset({"begin", "end"}),
    crowd=Crowd(lambda n: "k", 1, ordered=True),
)
IDS = [RunId(UUID(int=number + 1)) for number in range(2)]


def run(number: int, **changes: Any) -> RunFact:
    good = RunFact(
        IDS[number], "keyed", "succeeded", number, True, None, str(IDS[number]), 9, 9, {"body": {"n": number}}
    )
    return replace(good, **changes)


def row(number: int, path: str, **changes: Any) -> AttemptFact:
    good = AttemptFact(IDS[number], path, 1, "http.request", "succeeded", True, f"{IDS[number]}:{path}", None)
    return replace(good, **changes)


def asked(number: int, path: str, method: str = "POST", key: str | None = "") -> Request:
    return Request(method, f"/keyed/{number}/{path}", f"{IDS[number]}:{path}" if key == "" else key)


def good() -> Evidence:
    return Evidence(
        callers=[Caller(number, SCENE, [str(IDS[number])]) for number in range(2)],
        requests=[asked(number, path) for number in range(2) for path in ("begin", "end")],
        runs=[run(0), run(1)],
        attempts=[row(number, path) for number in range(2) for path in ("begin", "end")],
        left=Left(0, 0, 0, 0, 0, 0),
        temporal=InTemporal(Counter(completed=2), [], 0.1, 2, []),
        fired=Counter(),
        refused=0,
    )


def broken(found: Evidence) -> set[str]:
    return {line.what for line in check(found) if not line.holds}


def test_good_evidence_is_good() -> None:
    assert broken(good()) == set()
    assert {line.what: line.count for line in check(good())}["effects"] == 4


def test_what_may_happen_is_only_counted() -> None:
    lost = row(0, "begin", status="failed")
    again = row(0, "begin", attempt=2)
    found = replace(
        good(), attempts=[lost, again, *good().attempts[1:]], requests=[asked(0, "begin"), *good().requests]
    )
    assert broken(found) == set()
    assert {line.what: line.count for line in check(found)}["repeats with the same key"] == 1


REQUESTS, ROWS = good().requests, good().attempts


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"runs": [run(0)]}, {"of these lost"}),
        ({"runs": [run(0), run(1, trigger={"body": {"n": 0}})]}, {"requests with two runs"}),
        ({"callers": [Caller(0, SCENE, [str(IDS[0]), str(IDS[1])])]}, {"requests with two runs"}),
        ({"callers": [Caller(0, SCENE, [str(IDS[0])], ["500"])]}, {"answers that should not have come"}),
        ({"runs": [run(0), run(1, ended=False, status="running")]}, {"runs not ended"}),
        ({"runs": [run(0), run(1, output=7)]}, {"runs that ended otherwise than they should"}),
        ({"runs": [run(0), run(1, event_seq=10)]}, {"runs changed after their end"}),
        (
            {"requests": [*REQUESTS, asked(1, "end", key="other")]},
            {"effects with two keys", "effects in the ledger without a record"},
        ),
        ({"requests": [*REQUESTS, asked(1, "more", key=None)]}, {"requests without a key"}),
        ({"requests": [*REQUESTS, REQUESTS[-1]]}, {"POSTs beyond the attempts that the log has"}),
        ({"requests": REQUESTS[:-1]}, {"effects that the log tells of and the ledger never saw"}),
        ({"requests": [*REQUESTS, asked(1, "other")]}, {"effects in the ledger without a record"}),
        (
            {"attempts": [*ROWS[:-1], replace(ROWS[-1], ended=False, status="running")]},
            {"records of closed runs that are not terminal"},
        ),
        ({"attempts": [*ROWS[:-1], replace(ROWS[-1], attempt=2)]}, {"missing records"}),
        ({"attempts": [*ROWS, replace(ROWS[-1], attempt=2)]}, {"attempts after one that didn't fail"}),
        ({"requests": [REQUESTS[0], REQUESTS[2], REQUESTS[1], REQUESTS[3]]}, {"runs at work beyond a key or a cap"}),
        ({"requests": [*REQUESTS[2:], *REQUESTS[:2]]}, {"runs of a key out of order"}),
        ({"requests": REQUESTS[:3]}, {"runs or items of a crowd that never came"}),
        ({"temporal": InTemporal(Counter(running=1), ["a run: run"], 720.0, 1, [])}, {"of these open"}),
        ({"temporal": InTemporal(Counter(), [], 0.1, 1, ["nondeterminism"])}, {"workflow tasks that failed"}),
        (
            {"left": Left(1, 1, 1, 1, 1, 1)},
            {"places in the queue left", "claims left", "wake-ups left", "items and batches left in queues"},
        ),
        ({"leftovers": ["process 1"]}, {"processes, ports and files left"}),
    ],
)
def test_each_broken_promise_is_seen(changes: dict[str, Any], what: set[str]) -> None:
    assert what <= broken(replace(good(), **changes))
