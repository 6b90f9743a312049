"""App queues for people: what the routes and commands about queues do, each in one transaction, with answers as JSON.

Whatever may let a batch go is followed by a notice, once it is committed; it may be lost, since due queues are also looked for now and then.

What changes a queue as a whole holds it alone by `app_queues.lock`, which is the first lock of its transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from db import app_queues, audit, flushes, queue_items
from db.app_queues import Queue, QueueSettings, Stats
from db.connection import Connection
from db.data import storable
from db.ids import ItemId, QueueId, UserId, WorkspaceId
from db.pool import Database
from db.queue_items import Item
from engine.expressions.values import Json
from engine.hub import Hub, Kind
from engine.mistakes import Mistakes
from engine.problems import Conflict, Invalid, NotFound, Problem
from engine.queues.given import object_of, read_chosen, read_items
from engine.queues.sealed_items import ITEM_LIMIT, SealedItems, TooLargeItem
from engine.queues.settings import NAMES, read_name, read_settings, read_status, settings_of
from engine.queues.views import (
    dead_letter_view,
    flush_view,
    held,
    item_view,
    queue_view,
    stats_view,
    unconsumed,
)
from engine.runs.pages import Page, cursor_id
from engine.runs.reading import acting
from modules.sdk.json_bytes import dumps

JsonObject = dict[str, Json]

_PAGE_BYTES = 16 * 2**20
"""A page of items ends early rather than grow beyond this by much."""
_FIRST_LOOK = 20
_PIECE = 1_000
"""Dead letters of one transaction."""

ItemsBefore = Callable[[Connection, QueueId, ItemId | None, int], Awaitable[list[Item]]]


class Queues:
    """References are names or ids. Everything raises `NotFound` `queue.unknown`, and 503 without the database."""

    def __init__(self, db: Database, sealed: SealedItems, hub: Hub) -> None:
        self._db = db
        self._sealed = sealed
        self._hub = hub

    async def create(self, workspace_id: WorkspaceId, by: UserId | None, body: Json) -> JsonObject:
        """Of `{name, …settings}`. Raises `Invalid`, `Conflict` 409 `queue.exists`."""
        given = object_of(body)
        mistakes = Mistakes()
        mistakes.unknown("", given, ("name", "status", *NAMES))
        name = read_name(given.get("name"), mistakes)
        settings = read_settings(given, QueueSettings(), mistakes)
        status = read_status(given, mistakes)
        mistakes.check()
        async with acting(self._db, workspace_id) as conn:
            made = await app_queues.create(conn, workspace_id, name, settings, status=status or "running", user_id=by)
            if made is None:
                raise Conflict("queue.exists", f"There is a queue {name!r} in this workspace already.")
            return await _view(conn, await _found(conn, workspace_id, str(made)))

    async def list_queues(self, workspace_id: WorkspaceId, cursor: Sequence[Json] | None, limit: int) -> Page:
        """Newest first."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            found = await app_queues.list_queues(
                conn, workspace_id, None if before is None else QueueId(before), limit + 1
            )
            shown = found[:limit]
            ids = [queue.queue_id for queue in shown]
            depths, blocked = await app_queues.depths(conn, ids), await app_queues.blocked(conn, ids)
        items: list[Json] = [
            queue_view(queue, depths.get(queue.queue_id, 0), blocked.get(queue.queue_id)) for queue in shown
        ]
        return Page(items, [str(ids[-1])] if len(found) > limit else None)

    async def get(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            return await _view(conn, await _found(conn, workspace_id, reference))

    async def update(self, workspace_id: WorkspaceId, reference: str, body: Json) -> JsonObject:
        """Settings and `status`, all or none. Raises `Invalid`, `Conflict` 409 `queue.not_empty` for `ordering` while it holds items."""
        given = object_of(body)
        mistakes = Mistakes()
        if "name" in given:
            mistakes.add("/name", "a queue's name doesn't change, because documents name it", "create another queue")
        mistakes.unknown("", (name for name in given if name != "name"), ("status", *NAMES))
        status = read_status(given, mistakes)
        async with acting(self._db, workspace_id) as conn:
            found = await _locked(conn, workspace_id, reference)
            present = settings_of(found)
            settings = read_settings(given, present, mistakes)
            mistakes.check()
            if settings.ordering != present.ordering:
                await _must_be_empty(conn, found, "`ordering` changes only while a queue is empty, and")
            if settings != present:
                await app_queues.update(conn, workspace_id, found.queue_id, settings)
            if status is not None and status != found.status:
                await app_queues.set_status(conn, found.queue_id, status)
            shown = await _view(conn, await _found(conn, workspace_id, str(found.queue_id)))
        self._tell(workspace_id, found)
        return shown

    async def delete(self, workspace_id: WorkspaceId, reference: str, *, force: bool = False) -> None:
        """Raises `Conflict` 409 `queue.not_empty` for one that holds something, unless `force`. Runs that have a batch go on."""
        if force:
            async with acting(self._db, workspace_id) as conn:
                found = await _found(conn, workspace_id, reference)
                await app_queues.set_status(conn, found.queue_id, "paused")
            async with acting(self._db, workspace_id) as conn:
                await _note(conn, found, "cleared", await app_queues.clear(conn, found.queue_id))
        async with acting(self._db, workspace_id) as conn:
            found = await _locked(conn, workspace_id, reference)
            if not force:
                stats = await app_queues.stats(conn, found.queue_id)
                if stats.depth + stats.in_flight + stats.delayed + stats.dead > 0:
                    raise _not_empty(f"The queue {found.name!r} holds {held(stats)}. Delete it with `force`.", stats)
            await app_queues.delete(conn, workspace_id, found.queue_id)

    async def put(
        self, workspace_id: WorkspaceId, reference: str, body: Json, idempotency_key: str | None = None
    ) -> JsonObject:
        """Add items, all or none. Raises `Invalid`, `Problem` 413 for one that is too large.

        The same body under the same key adds nothing more within a day, also where the first answer was lost after the commit; the ids of
        the items are not told again then.
        """
        given = read_items(body)
        async with acting(self._db, workspace_id) as conn:
            found = await _found(conn, workspace_id, reference)
        try:
            sealed = await self._sealed.seal(workspace_id, given)
        except TooLargeItem as error:
            detail = (
                f"Item {error.index} has {error.size:,} bytes; an item has at most {ITEM_LIMIT:,}. Nothing was added."
            )
            raise Problem(413, "payload.too_large", detail, extra={"index": error.index}) from None
        async with acting(self._db, workspace_id) as conn:
            operation = None
            if idempotency_key is not None:
                names = _operations(found.queue_id, idempotency_key, body)
                operation = await queue_items.recent_operation(conn, workspace_id, names) or names[0]
            done = await queue_items.enqueue(conn, workspace_id, found.queue_id, sealed, operation)
        match done.outcome:
            case "queue_missing":
                raise NotFound("queue", reference)
            case "delay_with_keys":
                raise Invalid(
                    "queue.delay_with_keys",
                    f"The queue {found.name!r} keeps the order of each key, so its items can't be delayed. Nothing was added.",
                )
            case "accepted" | "repeated":
                self._tell(workspace_id, found)
        ids: list[Json] = [str(item_id) for item_id in done.accepted_ids or ()]
        return {"accepted": done.accepted, "duplicates": done.duplicates, "item_ids": ids}

    async def items(self, workspace_id: WorkspaceId, reference: str, cursor: Sequence[Json] | None, limit: int) -> Page:
        """Those that aren't dead, newest first. A page of large items has fewer than `limit`."""
        return await self._page(workspace_id, reference, cursor, limit, queue_items.list_items, item_view)

    async def dead_letters(
        self, workspace_id: WorkspaceId, reference: str, cursor: Sequence[Json] | None, limit: int
    ) -> Page:
        """Newest first. A page of large items has fewer than `limit`."""
        return await self._page(workspace_id, reference, cursor, limit, queue_items.dead_letters, dead_letter_view)

    async def replay(self, workspace_id: WorkspaceId, reference: str, body: Json) -> JsonObject:
        """Dead letters wait again, at the end, with all their attempts."""
        chosen = read_chosen(body)
        async with acting(self._db, workspace_id) as conn:
            found = await _found(conn, workspace_id, reference)
            # What dies again while this goes on is not for this call.
            dead = (await app_queues.stats(conn, found.queue_id)).dead
        ids = (
            [None] * -(-dead // _PIECE)
            if chosen is None
            else [*(chosen[at : at + _PIECE] for at in range(0, len(chosen), _PIECE))]
        )
        replayed = 0
        for some in ids:
            async with acting(self._db, workspace_id) as conn:
                count = await queue_items.replay(conn, found.queue_id, some, _PIECE)
                await _note(conn, found, "dead letters replayed", count)
                replayed += count
        self._tell(workspace_id, found)
        return {"replayed": replayed}

    async def drop(self, workspace_id: WorkspaceId, reference: str, body: Json) -> JsonObject:
        """Dead letters are deleted for good."""
        chosen = read_chosen(body)
        async with acting(self._db, workspace_id) as conn:
            found = await _found(conn, workspace_id, reference)
            if chosen is not None:
                count = await queue_items.drop_dead(conn, found.queue_id, chosen)
                await _note(conn, found, "dead letters dropped", count)
                return {"dropped": count}
            dead = (await app_queues.stats(conn, found.queue_id)).dead
        dropped = 0
        for _ in range(-(-dead // _PIECE)):
            async with acting(self._db, workspace_id) as conn:
                count = await queue_items.drop_dead(conn, found.queue_id, None, _PIECE)
                await _note(conn, found, "dead letters dropped", count)
                dropped += count
        return {"dropped": dropped}

    async def log(self, workspace_id: WorkspaceId, reference: str, cursor: Sequence[Json] | None, limit: int) -> Page:
        """Flushes, newest first."""
        before = cursor_id(cursor)
        async with acting(self._db, workspace_id) as conn:
            found = await _found(conn, workspace_id, reference)
            rows = await flushes.log(conn, found.queue_id, before, limit + 1)
        more: list[Json] | None = [str(rows[limit - 1].run_id)] if len(rows) > limit else None
        return Page([flush_view(row) for row in rows[:limit]], more)

    async def stats(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        async with acting(self._db, workspace_id) as conn:
            found = await _found(conn, workspace_id, reference)
            return stats_view(await app_queues.stats(conn, found.queue_id))

    async def flush(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        """All that waits is due now. Raises `Conflict` where nobody would take it."""
        async with acting(self._db, workspace_id) as conn:
            found = await _found(conn, workspace_id, reference)
            if found.consumer is None:
                raise Conflict("queue.no_consumer", unconsumed(found))
            if found.status == "paused":
                raise Conflict("queue.paused", f"The queue {found.name!r} is paused: resume it first.")
            if found.consumer_status == "paused":
                raise Conflict(
                    "queue.paused",
                    f"The workflow {found.consumer!r}, which takes its items, is paused: set it active first.",
                )
            keys = await app_queues.flush(conn, found.queue_id)
            await _note(conn, found, "flushed", keys)
        self._tell(workspace_id, found)
        return {"keys": keys}

    async def pause(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        """No batch is handed out any more; runs that have one go on."""
        return await self.update(workspace_id, reference, {"status": "paused"})

    async def resume(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        """Goes on, and tries what is blocked again with all its attempts, also where it wasn't paused."""
        async with acting(self._db, workspace_id) as conn:
            found = await _locked(conn, workspace_id, reference)
            tried = await app_queues.set_status(conn, found.queue_id, "running")
            if found.status == "running":
                await _note(conn, found, "resumed", tried)
            shown = await _view(conn, await _found(conn, workspace_id, str(found.queue_id)))
        self._tell(workspace_id, found)
        return shown

    async def clear(self, workspace_id: WorkspaceId, reference: str) -> JsonObject:
        """Takes away what no run has at the moment; dead letters stay."""
        async with acting(self._db, workspace_id) as conn:
            found = await _found(conn, workspace_id, reference)
            count = await app_queues.clear(conn, found.queue_id)
            await _note(conn, found, "cleared", count)
            return {"cleared": count}

    async def _page(
        self,
        workspace_id: WorkspaceId,
        reference: str,
        cursor: Sequence[Json] | None,
        limit: int,
        before: ItemsBefore,
        view: Callable[[Item, Json], JsonObject],
    ) -> Page:
        place = cursor_id(cursor)
        last = None if place is None else ItemId(place)
        found: list[Item] = []
        size = 0
        async with acting(self._db, workspace_id) as conn:
            queue = await _found(conn, workspace_id, reference)
            look = min(limit + 1, _FIRST_LOOK)
            while True:
                rows = await before(conn, queue.queue_id, last, look)
                found += rows
                size += sum(row.size for row in rows)
                if len(rows) < look or len(found) > limit or size >= _PAGE_BYTES:
                    more = len(found) > limit or len(rows) == look
                    break
                last = rows[-1].item_id
                look = max(1, min(limit + 1 - len(found), (_PAGE_BYTES - size) * len(found) // size))
        shown = found[:limit]
        items: list[Json] = []
        for item in shown:
            items.append(view(item, await self._sealed.open(workspace_id, item)))
            await asyncio.sleep(0)
        return Page(items, [str(shown[-1].item_id)] if more and shown else None)

    def _tell(self, workspace_id: WorkspaceId, queue: Queue) -> None:
        self._hub.publish(int(workspace_id), str(queue.queue_id), Kind.ITEMS)


def _operations(queue_id: QueueId, key: str, body: Json) -> list[str]:
    """What the call is called today, and what it was called if it came first yesterday. Another day's use of the key is another call."""
    digest = hashlib.sha256(dumps([str(queue_id), key, body])).hexdigest()
    today = datetime.now(UTC).date()
    return [f"put:{day.isoformat()}:{digest}" for day in (today, today - timedelta(days=1))]


async def _found(conn: Connection, workspace_id: WorkspaceId, reference: str) -> Queue:
    found = await app_queues.find(conn, workspace_id, reference) if storable(reference) else None
    if found is None:
        raise NotFound("queue", reference, [one.name for one in await app_queues.consumers(conn, workspace_id)])
    return found


async def _locked(conn: Connection, workspace_id: WorkspaceId, reference: str) -> Queue:
    """As it is once nobody else changes it or adds to it."""
    found = await _found(conn, workspace_id, reference)
    if not await app_queues.lock(conn, workspace_id, found.queue_id):
        raise NotFound("queue", reference)
    return await _found(conn, workspace_id, str(found.queue_id))


async def _note(conn: Connection, queue: Queue, change: str, count: int) -> None:
    """What somebody did to the queue's items, of which the trail has no other line. `count`: of items, of keys where it is by key."""
    await audit.note(conn, queue.workspace_id, "queue", queue.queue_id, queue.name, change, after={"count": count})


async def _view(conn: Connection, queue: Queue) -> JsonObject:
    depths = await app_queues.depths(conn, [queue.queue_id])
    blocked = await app_queues.blocked(conn, [queue.queue_id])
    return queue_view(queue, depths.get(queue.queue_id, 0), blocked.get(queue.queue_id))


async def _must_be_empty(conn: Connection, queue: Queue, why: str) -> None:
    """Dead letters aside: those that come back go by what holds then."""
    stats = await app_queues.stats(conn, queue.queue_id)
    if stats.depth + stats.in_flight + stats.delayed > 0:
        raise _not_empty(f"{why} {queue.name!r} holds {held(stats)}.", stats)


def _not_empty(detail: str, stats: Stats) -> Conflict:
    items = stats.depth + stats.in_flight + stats.delayed
    return Conflict("queue.not_empty", detail, extra={"items": items, "dead_letters": stats.dead})
