"""All that the tables say about a queue, and what they should say by its model: of the same shape, so that they can be compared.

Times are microseconds since START. A batch, run or claim of the model is a number; the caller knows the ids that stand for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from tests.db.data_of_tests import START
from tests.db.queue_model import Item, Model
from tests.db.queues_of_tests import Bench


def _us(column: str) -> str:
    return f"(extract(epoch from {column} - $2::timestamptz) * 1000000)::bigint"


_NUMBER = "convert_from(i.data, 'UTF8')::integer"
_MEMBERS = f"""array(
    select {_NUMBER} from unnest(%s) with ordinality m (seq, n) join app_queue i on i.queue_id = $1 and i.seq = m.seq order by m.n)"""

_STATE = f"""
select json_build_object(
    'lanes', (
        select json_object_agg(k.lane, json_build_object(
            'state', k.state, 'depth', k.depth, 'bytes', k.bytes, 'oldest', {_us("k.oldest_at")}, 'due', {_us("k.due_at")},
            'line', array(
                select {_NUMBER} from app_queue i
                left join app_queue_batches b on b.queue_id = $1 and b.lane = i.lane
                where i.queue_id = $1 and i.lane = k.lane and i.state = 'waiting'
                    and not coalesce(i.seq = any (b.members) or i.seq = any (b.rest), false)
                order by i.seq),
            'asked', array(
                select {_NUMBER} from app_queue i
                where i.queue_id = $1 and i.lane = k.lane and i.state = 'waiting' and i.seq <= k.flush_through
                order by i.seq)))
        from app_queue_keys k where k.queue_id = $1),
    'batches', (
        select json_object_agg(b.lane, json_build_object(
            'state', b.state, 'batch', b.batch_id, 'attempt', b.attempt, 'reason', b.reason,
            'members', {_MEMBERS % "b.members"}, 'rest', {_MEMBERS % "b.rest"}, 'cuts', b.cuts,
            'until', {_us("coalesce(b.lease_until, b.not_before)")}, 'claimed', {_us("b.claimed_at")}, 'run', b.run_id,
            'claim', b.epoch))
        from app_queue_batches b where b.queue_id = $1),
    'items', (
        select json_object_agg({_NUMBER}, json_build_object(
            'state', i.state, 'lane', i.lane, 'attempts', i.attempts, 'since', {_us("coalesce(i.available_at, i.enqueued_at)")},
            'run', i.run_id, 'failed', {_us("i.failed_at")}))
        from app_queue i where i.queue_id = $1),
    'dedupe', (
        select json_object_agg(e.dedupe_key, json_build_array(e.item_id, {_us("e.until")}))
        from app_queue_dedupe e where e.queue_id = $1),
    'starts', (
        select array_agg(case when s.at > '-infinity' then {_us("s.at")} end order by s.n)
        from queue_rate_limiting l, unnest(l.starts) with ordinality s (at, n) where l.queue_id = $1),
    'log', (
        select json_object_agg(l.run_id, json_build_object(
            'batch', l.batch_id, 'attempt', l.attempt, 'key', l.ordering_key, 'items', l.items, 'reason', l.reason,
            'flushed', {_us("l.flushed_at")}, 'status', l.status, 'fate', l.fate, 'finished', {_us("l.finished_at")}))
        from app_queue_logs l where l.queue_id = $1),
    'next', {_us("next_flush($1)")},
    'holds', holds_items($1)
)
"""


async def found(q: Bench) -> dict[str, Any]:
    """What the tables say."""
    told: dict[str, Any] = await q.value(_STATE, a=q.queue_id, b=START)
    empty = {"starts": [], "next": None, "holds": False}
    return {name: empty.get(name, {}) if value is None else value for name, value in told.items()}


def expected(model: Model, ids: Mapping[int, object]) -> dict[str, Any]:
    """What they should say. `ids` are those that stand for the model's batches, runs and claims."""
    return {
        "lanes": {
            name: {
                "state": "ready" if not lane.batch else "blocked" if lane.batch.state == "blocked" else "held",
                "depth": len(lane.waiting),
                "bytes": lane.bytes,
                "oldest": lane.oldest,
                "due": lane.due,
                "line": [item.number for item in lane.waiting],
                "asked": [
                    item.number
                    for item in sorted(
                        [*lane.waiting, *(lane.batch.held if lane.batch else [])], key=lambda item: item.place
                    )
                    if item.place <= lane.asked
                ],
            }
            for name, lane in model.lanes.items()
        },
        "batches": {
            name: {
                "state": batch.state,
                "batch": ids[batch.number],
                "attempt": batch.attempt,
                "reason": batch.reason,
                "members": [item.number for item in batch.members],
                "rest": [item.number for item in batch.twin + batch.tail],
                "cuts": ([-len(batch.twin)] if batch.twin else []) + ([len(batch.tail)] if batch.tail else [])
                if batch.halved
                else None,
                "until": batch.until if batch.state in ("claimed", "resting") else None,
                "claimed": batch.claimed,
                "run": ids[batch.run],
                "claim": ids[batch.claim],
            }
            for name, lane in model.lanes.items()
            if (batch := lane.batch)
        },
        "items": {
            str(item.number): {
                "state": state,
                "lane": lane,
                "attempts": item.attempts,
                "since": item.since,
                "run": None if item.run is None else ids[item.run],
                "failed": item.failed,
            }
            for state, lane, item in _items(model)
        },
        "dedupe": {key: [str(item_id), until] for key, (item_id, until) in model.dedupe.items()},
        "starts": [None if start == -inf else start for start in model.starts],
        "log": {
            ids[run]: {
                "batch": ids[flush.batch],
                "attempt": flush.attempt,
                "key": flush.key,
                "items": flush.items,
                "reason": flush.reason,
                "flushed": flush.flushed,
                "status": flush.status,
                "fate": flush.fate,
                "finished": flush.finished,
            }
            for run, flush in model.log.items()
        },
        "next": model.next_flush(),
        "holds": bool(model.lanes or model.delayed),
    }


def _items(model: Model) -> list[tuple[str, str, Item]]:
    """Each with its state and the lane that its row names."""
    waiting = [
        ("waiting", name, item)
        for name, lane in model.lanes.items()
        for item in [*lane.waiting, *(lane.batch.held if lane.batch else [])]
    ]
    return [
        *waiting,
        *(("delayed", "", item) for item in model.delayed),
        *(("dead", model.lane_of(item), item) for item in model.dead),
    ]


class Named:
    """Which ids stand for the model's numbers: learned when one is first seen, held from then on, and never the same for two."""

    def __init__(self) -> None:
        self.ids: dict[int, object] = {}
        self.numbers: dict[object, int] = {}

    def learn(self, number: int, real: object) -> None:
        assert self.ids.setdefault(number, real) == real, f"the same one has become another: {number}"
        assert self.numbers.setdefault(real, number) == number, f"an old one came back: {real}"

    def learn_batches(self, model: Model, told: Mapping[str, Mapping[str, object]]) -> None:
        for name, lane in model.lanes.items():
            if lane.batch and name in told:
                self.learn(lane.batch.number, told[name]["batch"])
                self.learn(lane.batch.run, told[name]["run"])
                self.learn(lane.batch.claim, told[name]["claim"])
