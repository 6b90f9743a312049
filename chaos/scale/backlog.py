"""An installation with a past: queued runs and ended ones with their logs, made by a few statements of SQL.

The rows are what the product's own functions would have left: a header, a queue row for each open run, log rows for each ended one. They
spread evenly over `workflows` and, by their ids' time, over `weeks` that end now. What they say varies with their number, so that
some words are common (`order`), some are not (`customer7`, of a thousand) and some stand once (`n42`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from chaos.scale.admin import Admin, administering
from db.ids import WorkflowId, WorkspaceId, uuid7_floor

TABLES = ("workflow_runs", "workflow_execution_logs", "workflow_payloads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """`queued` runs wait to start; with `keys` above 0 each has one of so many concurrency keys, and stands blocked unless it is its key's
    first in its workflow. `ended` runs have `steps` rows in their logs. The workflows are new, of one workspace, each with the cap `cap`."""

    queued: int = 0
    keys: int = 0
    ended: int = 0
    steps: int = 3
    workflows: int = 1
    cap: int | None = None
    weeks: int = 1


async def fill(url: str, workspace_id: WorkspaceId, given: Backlog, *, analyze: bool = True) -> list[WorkflowId]:
    """Add it all, as the superuser of `url`; gives the workflows, in the order in which their first runs came."""
    mark = uuid4().hex[:8]
    async with administering(url) as admin:
        workflows = await _workflows(admin, workspace_id, given, mark)
        await past_weeks(admin, range(1, given.weeks + 1))
        if given.ended:
            await _ended(admin, workspace_id, given, workflows, mark)
        if given.queued:
            await _queued(admin, workspace_id, given, workflows, mark)
        if analyze:
            await admin.execute(f"vacuum (analyze) {', '.join(TABLES)}, workflow_execution_queue, workflows")
    return workflows


async def queue_up(url: str, workspace_id: WorkspaceId, workflow_id: WorkflowId, count: int) -> None:
    """So many runs of a deployed workflow wait to start, and can: they have its document."""
    async with administering(url) as admin:
        compiled = await admin.fetchval(
            "select d.compiled_hash from workflows_documents d join workflows_versions v using (workspace_id, content_hash) "
            "join workflows w on w.workflow_id = v.workflow_id and w.live_version = v.version where w.workflow_id = $1",
            workflow_id,
        )
        await _queued(admin, workspace_id, Backlog(queued=count), [workflow_id], uuid4().hex[:8], str(compiled))
        await admin.execute(f"vacuum (analyze) {', '.join(TABLES)}, workflow_execution_queue")


async def past_weeks(admin: Admin, ago: Iterable[int]) -> None:
    """Partitions for the weeks that were so many weeks ago, as `ensure_weeks` would have made them then."""
    now = datetime.now(UTC)
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in ago:
        start = monday - timedelta(weeks=number)
        for table in TABLES:
            name = f"{table}_{start:%Y%m%d}"
            if await admin.fetchval("select to_regclass($1) is null", name):
                await admin.execute(
                    f"create table {name} partition of {table} for values "
                    f"from ('{uuid7_floor(start)}') to ('{uuid7_floor(start + timedelta(weeks=1))}'); "
                    f"alter table {name} owner to ms_owner"
                )


async def _workflows(admin: Admin, workspace_id: WorkspaceId, given: Backlog, mark: str) -> list[WorkflowId]:
    rows = await admin.fetch(
        "insert into workflows (workspace_id, workflow_id, name, live_version, max_concurrent_runs) "
        "select $1, gen_random_uuid(), 'scale-' || $2 || '-' || n, 1, $4 from generate_series(1, $3::integer) n "
        "returning workflow_id",
        workspace_id,
        mark,
        given.workflows,
        given.cap,
    )
    return [WorkflowId(UUID(str(row[0]))) for row in rows]


_MADE = """
create temporary table made on commit drop as
select n, ids[1 + (n - 1) % cardinality(ids)] as workflow_id, moment,
    (left(uuid7_floor(moment)::text, 14) || '7' || left(chance, 3) || '-8' || substr(chance, 4, 3) || '-' || right(chance, 12))::uuid
        as run_id
from (
    select n, $2::uuid[] as ids, now() - ($1::integer - n + 1) * ($3::interval / $1::integer) as moment, md5($4 || n) as chance
    from generate_series(1, $1::integer) n
) numbered
"""


async def _make(admin: Admin, count: int, workflows: list[WorkflowId], over: timedelta, mark: str) -> None:
    await admin.execute("drop table if exists made")
    await admin.execute(_MADE, count, workflows, over, mark)


async def _queued(
    admin: Admin,
    workspace_id: WorkspaceId,
    given: Backlog,
    workflows: list[WorkflowId],
    mark: str,
    compiled_hash: str = "h",
) -> None:
    async with admin.transaction():
        await _make(admin, given.queued, workflows, timedelta(hours=1), f"{mark}q")
        await admin.execute(
            "insert into workflow_runs (workspace_id, run_id, workflow_id, version, compiled_hash, trigger_type, trigger, "
            "origin, concurrency_key, queued_at, search) "
            "select $1::bigint, run_id, workflow_id, 1, $3, 'api', json_build_object('type', 'api', 'id', null, 'body', n), "
            "run_id::text, case when $2::integer > 0 then 'key' || n % $2 end, moment, "
            "array_to_tsvector(array['#' || $1::bigint, '#v1', '#tapi', 'order', 'customer' || n % 1000, 'n' || n]) from made",
            workspace_id,
            given.keys,
            compiled_hash,
        )
        await admin.execute(
            "insert into workflow_execution_queue (workspace_id, run_id, workflow_id, turn, concurrency_key, state, created_at) "
            "select $1::bigint, run_id, workflow_id, row_number() over (partition by workflow_id order by n) - 1, key, "
            "case when key is not null and row_number() over (partition by workflow_id, key order by n) > 1 "
            "then 'blocked' else 'ready' end, moment "
            "from (select *, case when $2::integer > 0 then 'key' || n % $2 end as key from made) keyed order by n",
            workspace_id,
            given.keys,
        )


async def _ended(
    admin: Admin, workspace_id: WorkspaceId, given: Backlog, workflows: list[WorkflowId], mark: str
) -> None:
    """One run of twenty failed; the others succeeded."""
    async with admin.transaction():
        await _make(admin, given.ended, workflows, timedelta(weeks=given.weeks) - timedelta(hours=1), f"{mark}e")
        await admin.execute(
            "insert into workflow_runs (workspace_id, run_id, workflow_id, version, compiled_hash, status, trigger_type, "
            "trigger, output, error, origin, queued_at, started_at, finished_at, expires_at, event_seq, search) "
            "select $1::bigint, run_id, workflow_id, 1, 'h', case when n % 20 = 0 then 'failed' else 'succeeded' end, "
            "(array['webhook', 'api', 'schedule'])[1 + n % 3], "
            "json_build_object('type', 'webhook', 'id', 'hook', 'body', json_build_object('order', n, 'customer', n % 1000)), "
            "case when n % 20 > 0 then json_build_object('total', n) end, "
            "case when n % 20 = 0 then json_build_object('code', 'http.500', 'message', 'it broke', 'step', 'step1', "
            "'retryable', false, 'details', json_build_object()) end, "
            "run_id::text, moment, moment, moment + interval '1 second', moment + interval '365 days', $2 + 2, "
            "array_to_tsvector(array['#' || $1::bigint, '#v1', '#t' || (array['webhook', 'api', 'schedule'])[1 + n % 3], "
            "'order', 'customer' || n % 1000, 'n' || n]) from made",
            workspace_id,
            given.steps,
        )
        await admin.execute(
            "insert into workflow_execution_logs (workspace_id, run_id, path, attempt, workflow_id, step, module, status, "
            "started_at, finished_at, input, output, error, ordinal, seq) "
            "select $1::bigint, run_id, 'step' || s, 1, workflow_id, 'step' || s, 'http.request@1', "
            "case when n % 20 = 0 and s = $2 then 'failed' else 'succeeded' end, "
            "moment + s * interval '10 ms', moment + s * interval '10 ms' + interval '5 ms', "
            "json_build_object('url', 'https://shop.example/orders/' || n, 'method', 'POST'), "
            "case when n % 20 = 0 and s = $2 then null else json_build_object('status', 200, 'order', n) end, "
            "case when n % 20 = 0 and s = $2 then json_build_object('code', 'http.500', 'message', 'it broke') end, s, s + 1 "
            "from made, generate_series(1, $2::integer) s",
            workspace_id,
            given.steps,
        )
