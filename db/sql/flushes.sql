-- name: claim (engine)
-- Claim batches of one queue for a while.
select b.batch_id, b.queue_id, b.workspace_id, b.workflow_id, b.run_id, b.lane, b.attempt, b.epoch, b.members,
    q.consumer_trigger_id as trigger_id
from claim_batches(:queue_id, :holder, :lease_s, :batch_ids, :run_ids) b
join workflows_app_queues q on q.queue_id = b.queue_id;

-- name: begin (engine)
-- The claimed batch's run is about to exist; false when the claim is stale.
select begin_flush(:batch_id, :epoch);

-- name: next_flush (engine)
-- Seconds until a claim of this queue may find something; null when nothing is to be expected.
select extract(epoch from next_flush(:queue_id) - present())::double precision;

-- name: soon (engine)
-- Queues that may have something to claim within a while, and in how many seconds.
select s.queue_id, extract(epoch from n.at - present())::double precision as seconds
from workflows_app_queues s
cross join lateral (select next_flush(s.queue_id) as at offset 0) as n
where s.status = 'running' and s.consumer_workflow_id is not null
    and holds_items(s.queue_id)
    and n.at <= present() + make_interval(secs => :horizon_s);

-- name: fold_counts (engine)
-- Many sums of a queue become one.
select fold_counts(:queue_id)::text;

-- name: log (app)
-- Flushes of a queue, newest first, before a run.
select l.run_id, l.batch_id, l.workflow_id, l.attempt, l.ordering_key, l.items, l.reason, l.status, l.fate, l.error,
    l.flushed_at, l.finished_at, l.workspace_id
from app_queue_logs l
where l.queue_id = :queue_id and l.run_id < :before
order by l.run_id desc
limit :most;

-- name: delete_old_logs (engine)
-- Flushes and answers that nobody asks for any more.
with picked as (
    select o.queue_id, o.run_id from app_queue_logs o
    where o.flushed_at < now() - make_interval(days => :days) and o.status <> 'running'
    limit :most
    for update skip locked
)
delete from app_queue_logs l using picked p where (l.queue_id, l.run_id) = (p.queue_id, p.run_id);

-- name: delete_old_dedupe (engine)
-- Dedupe keys whose window is over. One that somebody renews now is left: he holds others, which we may hold.
with picked as (
    select o.queue_id, o.dedupe_key from app_queue_dedupe o where o.until < present() limit :most for update skip locked
)
delete from app_queue_dedupe d using picked p where (d.queue_id, d.dedupe_key) = (p.queue_id, p.dedupe_key);

-- name: delete_old_operations (engine)
-- What steps' enqueues answered, long ago.
with picked as (
    select o.workspace_id, o.operation from app_queue_operations o
    where o.created_at < now() - make_interval(days => :days)
    limit :most
    for update skip locked
)
delete from app_queue_operations a using picked p where (a.workspace_id, a.operation) = (p.workspace_id, p.operation);
