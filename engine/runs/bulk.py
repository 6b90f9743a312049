"""Many runs at once: cancel or replay all that a filter finds, page by page, after a look at what would happen.

A *page* is at most `MOST` runs; what is left is told by a cursor, which holds the place and the moment of the first page: runs that came
later (the new ones of this very replay among them) are never met. Replays go oldest first, since that is the order in which keys let them run;
cancels go newest first, so that no run starts because the one before it in its key was cancelled.

A replay is an *operation* with a name, by default the request's Idempotency-Key. Each of its new runs is the outcome of an event
(operation, old run), deduped for a day as every event is, so an operation that was cut short anywhere is simply made again: what it had
done stays done and is answered as such, and its own new runs are not taken for old ones. Rejected: a job that the server carries on by
itself, which would need a table, a leader and a way to be stopped, for what a loop of requests does.

Left out, and told in `failed`: runs that another run started (its replay makes them anew; both would do everything twice) and runs of
tests, unless the filter says `test`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from db import replays, run_rows
from db.ids import MAX_UUID, RunId, WorkspaceId, new_uuid7
from db.pool import Database
from db.record import RunStatus
from db.run_rows import RunFilter, RunRow
from engine.authority import Authority
from engine.expressions.values import Json
from engine.problems import Invalid, Problem
from engine.runs.cancel import Canceller
from engine.runs.effects import Writes, of_whole
from engine.runs.filters import read_filter
from engine.runs.pages import bad_cursor, cursor_id
from engine.runs.reading import acting
from engine.runs.replay import Operation, Replayer, ReplayRequest, Targets
from engine.runs.request_body import object_of

JsonObject = dict[str, Json]

MOST = 1_000
"""Runs of one page."""
_CHUNK = 100
_LONGEST_NAME = 200
_PAGE_KEYS = ("filter", "all", "dry_run", "limit", "cursor")

_OPEN: tuple[RunStatus, ...] = ("queued", "running", "waiting")
_ENDED: tuple[RunStatus, ...] = ("succeeded", "failed", "cancelled", "timed_out")


@dataclass(frozen=True, slots=True)
class Many:
    """What was done, or would be, and where the next page begins."""

    told: JsonObject
    cursor: list[Json] | None
    dry: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    chosen: RunFilter
    dry: bool
    limit: int


class Bulk:
    def __init__(self, db: Database, canceller: Canceller, replayer: Replayer) -> None:
        self._db = db
        self._canceller = canceller
        self._replayer = replayer

    async def cancel(self, workspace_id: WorkspaceId, body: Json, cursor: Sequence[Json] | None = None) -> Many:
        """`{filter, all?, dry_run?, limit?, cursor?}`: only open runs are meant. A cancel makes no effect again, so none are listed."""
        wanted = await self._wanted(workspace_id, object_of(body, _PAGE_KEYS), _OPEN)
        before = cursor_id(cursor)
        found: list[RunId] = []
        if wanted.chosen.statuses:
            async with acting(self._db, workspace_id) as conn:
                last = RunId(before or new_uuid7())
                found = await run_rows.list_ids(conn, workspace_id, wanted.chosen, last, wanted.limit + 1)
        page = found[: wanted.limit]
        told = page
        if not wanted.dry:
            told = [run_id for run_id in page if await self._canceller.cancel(workspace_id, run_id)]
        more: list[Json] | None = [str(page[-1])] if len(found) > wanted.limit else None
        ids: list[Json] = [str(run_id) for run_id in told]
        return Many({"count": len(ids), "effects": [], "run_ids": ids, "more": more is not None}, more, wanted.dry)

    async def replay(
        self,
        workspace_id: WorkspaceId,
        body: Json,
        cursor: Sequence[Json] | None = None,
        key: str | None = None,
        *,
        authority: Authority,
    ) -> Many:
        """`{filter, all?, dry_run?, operation?, limit?, cursor?, from_step?, input?, version?, keys?}`. `key`: the request's Idempotency-Key.

        With `dry_run` nothing starts, and `run_ids` are the runs that would be replayed; else they are the new ones. `failed` tells of runs
        that can't be replayed so, or are left out. `effects` are the writes that happen again.
        """
        request = ReplayRequest.read(body, (*_PAGE_KEYS, "operation"))
        given: JsonObject = body if isinstance(body, dict) else {}
        operation = Operation(_name(given.get("operation"), key))
        wanted = await self._wanted(workspace_id, given, _ENDED)
        below, after = _place(cursor)
        found: list[RunId] = []
        if wanted.chosen.statuses:
            async with acting(self._db, workspace_id) as conn:
                found = await run_rows.list_oldest_ids(
                    conn, workspace_id, wanted.chosen, after, below, wanted.limit + 1
                )
        page = found[: wanted.limit]
        run_ids: list[Json] = []
        failed: list[Json] = []
        effects: Writes = Counter()
        targets: Targets = {}
        for start in range(0, len(page), _CHUNK):
            async with acting(self._db, workspace_id) as conn:
                rows = {row.run_id: row for row in await run_rows.by_ids(conn, page[start : start + _CHUNK])}
                asked = [*rows, *(row.replay_of for row in rows.values() if row.replay_of is not None)]
                done = await replays.done(conn, workspace_id, operation.source, asked)
            again: list[RunId] = []
            for run_id in sorted(rows):
                origin = rows[run_id].replay_of
                if origin is not None and done.get(origin) == run_id:
                    continue  # made by this very operation, before it was cut short
                try:
                    if run_id in done:
                        run_ids.append(str(run_id if wanted.dry else done[run_id]))
                        continue
                    _refuse_left_out(rows[run_id], wanted.chosen)
                    ready = await self._replayer.prepare(rows[run_id], request, targets, authority=authority)
                    if request.from_step is None:
                        again.append(run_id)
                    else:
                        effects += await self._replayer.effects(ready)
                    made = run_id if wanted.dry else await self._replayer.carry_out(ready, operation)
                    run_ids.append(str(made))
                except Problem as problem:
                    if problem.status >= 500:
                        raise
                    failed.append({"run_id": str(run_id), "code": problem.code, "detail": problem.detail})
            async with acting(self._db, workspace_id) as conn:
                effects += await of_whole(conn, workspace_id, again)
        more: list[Json] | None = [str(below), str(page[-1])] if len(found) > wanted.limit else None
        told: JsonObject = {
            "operation": operation.name,
            "count": len(run_ids),
            "effects": _told(effects, request),
            "run_ids": run_ids,
            "failed": failed,
            "more": more is not None,
        }
        return Many(told, more, wanted.dry)

    async def _wanted(self, workspace_id: WorkspaceId, body: JsonObject, meant: tuple[RunStatus, ...]) -> _Wanted:
        given, everything, dry, limit = (body.get(name) for name in ("filter", "all", "dry_run", "limit"))
        for name, flag in (("all", everything), ("dry_run", dry)):
            if flag is not None and not isinstance(flag, bool):
                raise Invalid("request.invalid", f"{name!r} must be true or false.")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= MOST):
            raise Invalid("request.invalid", f"`limit` is {limit!r}; it must be from 1 to {MOST:,}.")
        if given is not None and not isinstance(given, dict):
            raise Invalid("request.invalid", "`filter` must be an object.")
        async with acting(self._db, workspace_id) as conn:
            chosen = await read_filter(conn, workspace_id, given or {})
        if chosen == RunFilter() and not everything:
            raise Invalid(
                "filter.missing",
                "Say by `filter` which runs are meant: it holds no condition. If all runs of the workspace are, say `all: true`.",
            )
        statuses = tuple(status for status in chosen.statuses or meant if status in meant)
        return _Wanted(replace(chosen, statuses=statuses), bool(dry), limit or MOST)


def _refuse_left_out(run: RunRow, chosen: RunFilter) -> None:
    if run.parent_run_id is not None:
        raise Problem(
            422,
            "replay.child",
            f"It was started by the run {run.parent_run_id}, whose replay makes it anew. Alone it can be replayed by its id.",
        )
    if run.test and chosen.test is None:
        raise Problem(422, "replay.test", "It is a test's run; a filter means those only when it says `test`.")


def _told(effects: Writes, request: ReplayRequest) -> list[Json]:
    return [
        {"workflow": workflow, "module": module, "step": step, "count": count, "keys": request.keys}
        for (workflow, module, step), count in sorted(effects.items())
    ]


def _name(given: Json, key: str | None) -> str:
    if given is None:
        return key or str(new_uuid7())
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_NAME or not given.isprintable():
        raise Invalid("request.invalid", f"`operation` must be a name of 1 to {_LONGEST_NAME} printable characters.")
    return given


def _place(cursor: Sequence[Json] | None) -> tuple[RunId, RunId | None]:
    """Below which id, and after which."""
    match cursor:
        case None:
            return RunId(new_uuid7()), None
        case [str(below), str(after)]:
            first, second = cursor_id([below]), cursor_id([after])
            return RunId(first or MAX_UUID), None if second is None else RunId(second)
        case _:
            raise bad_cursor()
