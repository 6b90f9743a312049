-- name: made (app, engine)
-- Which writes these runs and all that they started made: a call with its attempts is one.
with recursive family as (
    select unnest(:run_ids::uuid[]) as run_id
    union
    select r.run_id from workflow_runs r
    join family f on r.parent_run_id = f.run_id
    where r.workspace_id = :workspace_id
)
select w.name as workflow, l.module, l.step, count(distinct (l.run_id, l.path)) from workflow_execution_logs l
join workflows w on w.workflow_id = l.workflow_id
where l.run_id in (select run_id from family) and l.workspace_id = :workspace_id and l.mocked is null
    and l.idempotency_key is not null
group by w.name, l.module, l.step
order by w.name, l.module, l.step;

-- name: calls (app, engine)
-- The log of one run without its data: what a replay from a step takes over is told from this.
select path, attempt, step, module, status, started_at, finished_at, handle, error, retry_at, mocked, idempotency_key, child_run_id
from workflow_execution_logs
where run_id = :run_id and workspace_id = :workspace_id
order by ordinal;

-- name: done (app, engine)
-- The runs that an operation replayed already, and what they became.
select dedupe_key as old, run_id as new from events_to_be_processed
where workspace_id = :workspace_id and source = :source and dedupe_key = any (:run_ids::text[]) and dedupe_until > now();
