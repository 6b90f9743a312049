-- name: runs (engine)
-- Headers of all runs in order of their ids, without simulations.
select r.run_id, w.name as workflow, r.status, r.output, r.finished_at is not null as ended, r.parent_run_id, r.origin, r.event_seq,
    r.status_seq, r.trigger
from workflow_runs r
join workflows w on w.workflow_id = r.workflow_id
where r.run_id > :after and r.carrier <> 'simulation'
order by r.run_id
limit :most;

-- name: attempts (engine)
-- Every attempt of every step of these runs.
select l.run_id, l.path, l.attempt, l.module, l.status, l.finished_at is not null as ended, l.idempotency_key, l.error
from workflow_execution_logs l
where l.run_id = any (:run_ids::uuid[])
order by l.run_id, l.path, l.attempt;

-- name: left (engine)
-- What stands open in the whole installation.
select
    (select count(*) from workflow_execution_queue) as open_runs,
    (select count(*) from workflow_execution_queue where lease_until is not null) as leases,
    (select count(*) from workflow_signals) as signals,
    (select count(*) from workflow_runs where finished_at is null and carrier <> 'simulation') as unended,
    (select count(*) from app_queue) + (select count(*) from app_queue_batches) as items;
