-- fragment: columns
    path, attempt, step, module, iteration, status, started_at, finished_at, input, output, error, handle, logs, wait_kind,
    wait_reason, wait_until, resume_url, child_run_id, mocked, idempotency_key, retry_at, ordinal, seq

-- name: journal (app, engine)
-- All rows of a run, in the order in which they came.
select {columns} from workflow_execution_logs
where run_id = :run_id and workspace_id = :workspace_id
order by ordinal;

-- name: one (app, engine)
-- One attempt of one step.
select {columns} from workflow_execution_logs
where run_id = :run_id and path = :path and attempt = :attempt and workspace_id = :workspace_id;

-- name: newest (app, engine)
-- The last attempt of one step.
select {columns} from workflow_execution_logs
where run_id = :run_id and path = :path and workspace_id = :workspace_id
order by attempt desc
limit 1;

-- name: page (app, engine)
-- Rows of a run in start order, after a place.
select {columns} from workflow_execution_logs
where run_id = :run_id and workspace_id = :workspace_id
    and (started_at, ordinal) > (:after_started::timestamptz, :after_ordinal::bigint)
order by started_at, ordinal
limit :most;

-- name: since (app, engine)
-- What changed in a run after a number of its stream, without the data.
select path, attempt, step, module, iteration, status, started_at, finished_at, null::json as input, null::json as output, error, handle, logs,
    wait_kind, wait_reason, wait_until, resume_url, child_run_id, mocked, idempotency_key, retry_at, ordinal, seq
from workflow_execution_logs
where run_id = :run_id and workspace_id = :workspace_id and seq > :after_seq
order by seq
limit :most;

-- name: waiting (app, engine)
-- Rows of these runs that stand open and say what they wait for, and failed attempts that wait for the next.
select run_id, path, attempt, wait_kind as kind, wait_reason as reason, wait_until as until, resume_url from workflow_execution_logs
where run_id = any (:run_ids::uuid[]) and workspace_id = :workspace_id and status = 'waiting' and wait_kind is not null
order by run_id, started_at, ordinal;

-- name: retrying (app, engine)
-- Failed attempts of these runs that wait for their next one.
select l.run_id, l.path, l.attempt, l.error, l.retry_at from workflow_execution_logs l
where l.run_id = any (:run_ids::uuid[]) and l.workspace_id = :workspace_id and l.status = 'failed' and l.retry_at is not null
    and not exists (
        select from workflow_execution_logs n
        where n.run_id = l.run_id and n.path = l.path and n.attempt > l.attempt)
order by l.run_id, l.started_at, l.ordinal;

-- name: last_outputs (app, engine)
-- The newest real output of each of these steps, in the last 50 succeeded runs of a workflow.
with recent as (
    select r.run_id from workflow_runs r
    where r.workflow_id = :workflow_id and r.workspace_id = :workspace_id and r.status = 'succeeded'
    order by r.run_id desc
    limit 50
)
select distinct on (l.step) l.step, l.output, l.run_id, l.path, l.attempt from workflow_execution_logs l
join recent on recent.run_id = l.run_id
where l.step = any (:steps::text[]) and l.status = 'succeeded' and l.mocked is null and l.output is not null
    and l.workspace_id = :workspace_id
order by l.step, l.run_id desc, l.seq desc;
