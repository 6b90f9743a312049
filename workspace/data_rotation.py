"""Another data key for a workspace, while everything works on.

    begin     each workspace gets key N+1, in one transaction for all of them       (rows of `workspace_keys` without settled_at)
    close     what is at rest under an older number is opened and closed anew       (batches, each by compare-and-set)
    settle    nothing is left, and nobody closes with an older key any more         (settled_at)
    retire    no run is open that began while somebody used the older key           (retired_at; maintenance looks for it too)
    drop      its histories are past their retention                                (the row is deleted, by a command of its own)

Who closes something asks every `FRESH_S` for a newer key, so until `KNOWN_AFTER_S` after N+1 was made values may be closed under N. Nothing
breaks by that: N goes on opening them, a last pass after that time finds them, and a key isn't dropped before one more pass has found
nothing under it.

Invariants:
- A value changes only where it is still the ciphertext that was opened, so a change by anybody else wins, and the next pass sees it.
- All workspaces begin or none. While one isn't settled, the same command goes on with those that aren't, and begins nothing: killed
  anywhere, it ends what it began.
- A number is never given twice: the newest key is never dropped.
- What doesn't open (it was changed, or moved from another row) is told by its place and left as it is, and its key is never dropped.

What isn't closed anew:
- Histories of Temporal, and the payloads in `workflow_payloads` that only histories refer to: they go with their runs. A run that was open
  when N+1 came to be known may hold old numbers until it ends; from then on no history gets another one, which is what retired_at says. One
  retention of the namespace later they are all gone.
- Data of runs, where a workspace keeps it encrypted: it goes with its run, so the key stays while runs are kept that began in its time.
- Sealed answers in `idempotency_keys`: they expire a day after they were written, so a key stays retired for `LEAST_RETIRED_S` at least.

A process that stands still between closing a value and writing it, for longer than a key stays retired, would write what nobody opens. It
would have to keep its connection to PostgreSQL over all of that time.

Rejected: turning keys by age on their own (a person should see what doesn't open); dropping a key as soon as nothing in the tables is under it
(open runs couldn't go on); a lock over each table (a rotation is no reason to stop).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from db import keys, sealed_values
from db.ids import QueueId, WorkspaceId
from db.keys import Newest, Older
from db.pool import Database
from db.sealed_values import Fresh, Value, Within
from workspace.aead import KEY_SIZE
from workspace.key_store import DatabaseKeys
from workspace.keys import FRESH_S, KeyProvider, Place, Unreadable, Vault, bound_key, head_of, number_of

KNOWN_AFTER_S = FRESH_S + 15.0
"""Seconds after which every process that reaches the database closes with a new key."""
LEAST_RETIRED_S = 2 * 86_400.0
_BATCH = 100
_MARGIN_S = 0.1
_PAUSE_S = 0.2
"""Before what somebody else held is looked at again."""


@dataclass(slots=True)
class Pass:
    """What one look at everything of a workspace came to."""

    closed: int = 0
    """Values that are under the newest key now."""
    missed: int = 0
    """Values that changed meanwhile, or that somebody held."""
    unreadable: dict[str, int] = field(default_factory=dict[str, int])
    """Places of values that don't open, with the number that they are closed under."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """`unreadable`: the places of values that stay under an older key, because they don't open."""

    workspace: str
    number: int
    values: int
    unreadable: Sequence[str]


@dataclass(frozen=True, slots=True)
class Examined:
    """An older key. `why` it stays; None: it is gone."""

    workspace: str
    number: int
    why: str | None


class DataRotation:
    """Raises `WrongMasterKey`, `DatabaseUnavailable`; run again, it goes on."""

    def __init__(self, db: Database, provider: KeyProvider, *, known_after_s: float = KNOWN_AFTER_S) -> None:
        self._db = db
        self._provider = provider
        self._known_after_s = known_after_s

    async def rotate(self, slug: str | None = None) -> list[Rotated]:
        """Of one workspace or all that have a data key: a new one, or what is left of the last rotation. Takes `known_after_s`."""
        async with self._db.engine() as connection:
            found = await keys.newest(connection, slug)
        going_on = [one for one in found if not one.settled]
        if not going_on:
            await self._begin(found)
            async with self._db.engine() as connection:
                going_on = await keys.newest(connection, slug)
        vault = self._vault()
        done: dict[WorkspaceId, Pass] = {}
        # First what is there now, of all; then, when every process knows the new key, what came meanwhile.
        for one in going_on:
            done[one.workspace_id] = await self._until_nothing_is_left(vault, one)
        async with self._db.engine() as connection:
            ages = [one.age_s for one in await keys.newest(connection, slug) if not one.settled]
        await asyncio.sleep(max(0.0, self._known_after_s - min(ages, default=self._known_after_s) + _MARGIN_S))
        rotated: list[Rotated] = []
        for one in going_on:
            last = await self._until_nothing_is_left(vault, one)
            async with self._db.engine() as connection:
                await keys.settle(connection, one.workspace_id, one.number, self._known_after_s)
            count = done[one.workspace_id].closed + last.closed
            rotated.append(Rotated(one.slug, one.number, count, sorted(last.unreadable)))
        await self.retire()
        return rotated

    async def retire(self) -> None:
        async with self._db.engine() as connection:
            await keys.retire(connection, self._known_after_s)

    async def drop(self, histories_kept_s: float, slug: str | None = None) -> list[Examined]:
        """Deletes older keys that nothing needs; tells of each. `histories_kept_s`: how long Temporal keeps what has ended."""
        await self.retire()
        retired_s = max(histories_kept_s, LEAST_RETIRED_S)
        async with self._db.engine() as connection:
            older = await keys.older(connection, self._known_after_s, slug)
            newest = {one.workspace_id: one for one in await keys.newest(connection, slug)}
        vault, left = self._vault(), dict[WorkspaceId, Counter[int]]()
        examined: list[Examined] = []
        for one in older:
            if one.workspace_id not in left:
                last = await self._until_nothing_is_left(vault, newest[one.workspace_id])
                left[one.workspace_id] = Counter(last.unreadable.values())
            why = _needed(one, retired_s, left[one.workspace_id][one.number])
            if why is None:
                async with self._db.engine() as connection:
                    await keys.drop(connection, one.workspace_id, one.number, retired_s)
            examined.append(Examined(one.slug, one.number, why))
        return examined

    def _vault(self) -> Vault:
        """One that knows nothing yet, and so the newest keys."""
        return Vault(self._provider, DatabaseKeys(self._db))

    async def _begin(self, found: Sequence[Newest]) -> None:
        async with self._db.engine() as connection:
            for one in found:
                number, master = one.number + 1, self._provider.current()
                wrapped = master.wrap(os.urandom(KEY_SIZE), bound_key(one.workspace_id, number))
                await keys.add(connection, one.workspace_id, keys.KeyRow(number, master.fingerprint, wrapped))

    async def _until_nothing_is_left(self, vault: Vault, of: Newest) -> Pass:
        total = 0
        while True:
            found = await self._pass(vault, of)
            total += found.closed
            if found.closed == found.missed == 0:
                return Pass(total, 0, found.unreadable)
            if found.missed:
                await asyncio.sleep(_PAUSE_S)

    async def _pass(self, vault: Vault, of: Newest) -> Pass:
        numbers, found = Within(head_of(0), head_of(of.number)), Pass()
        after: Value | None = None
        while True:
            async with self._db.engine(of.workspace_id) as connection:
                values = await sealed_values.within(connection, of.workspace_id, numbers, after, _BATCH)
            for value in values:
                after = value
                fresh = await _closed_anew(vault, _place(of.workspace_id, value), value.closed, found)
                if fresh is None:
                    continue
                # By itself: who holds nothing else can wait for no one who waits for it.
                async with self._db.engine(of.workspace_id) as connection:
                    changed = await sealed_values.put(connection, of.workspace_id, value, fresh)
                found.closed += changed
                found.missed += not changed
            if len(values) < _BATCH:
                break
        async with self._db.engine(of.workspace_id) as connection:
            queues = await sealed_values.queues(connection, of.workspace_id)
        for queue_id in queues:
            await self._pass_over_queue(vault, of.workspace_id, queue_id, numbers, found)
        return found

    async def _pass_over_queue(
        self, vault: Vault, workspace_id: WorkspaceId, queue_id: QueueId, numbers: Within, found: Pass
    ) -> None:
        after = None
        while True:
            async with self._db.engine(workspace_id) as connection:
                items = await sealed_values.items_within(connection, queue_id, numbers, after)
            if not items:
                return
            after = items[-1].item_id
            fresh: list[Fresh] = []
            for item in items:
                if item.closed is None:
                    continue
                place = Place("app_queue", "data", workspace_id, str(item.item_id))
                data = await _closed_anew(vault, place, item.closed, found)
                if data is not None:
                    fresh.append(Fresh(item.item_id, item.closed, data))
            if fresh:
                async with self._db.engine(workspace_id) as connection:
                    changed = await sealed_values.put_items(connection, queue_id, fresh)
                found.closed += changed
                found.missed += len(fresh) - changed


async def _closed_anew(vault: Vault, place: Place, closed: bytes, found: Pass) -> bytes | None:
    try:
        plain = await vault.decrypt(place, closed)
    except Unreadable:
        found.unreadable[f"{place.table}.{place.column} of {place.row}"] = number_of(closed)
        return None
    return await vault.encrypt(place, plain)


def _place(workspace_id: WorkspaceId, value: Value) -> Place:
    """As those who close and open these values name it: what a secret was before is closed for the place of what it is."""
    table, _, column = value.field.partition(".")
    return Place(table, "closed" if column == "former" else column, workspace_id, value.row)


def _needed(key: Older, retired_s: float, unreadable: int) -> str | None:
    if key.retired_s is None:
        return "it isn't retired: the rotation isn't done, or a run is open that may have used it"
    if key.retired_s < retired_s:
        hours = (retired_s - key.retired_s) / 3600
        return f"histories may hold what it closed for another {hours:.1f} h"
    if key.kept_runs:
        return "runs are kept whose data it may have closed: they go when their retention is over, or they are unpinned"
    return f"{unreadable} values that don't open are under it" if unreadable else None
