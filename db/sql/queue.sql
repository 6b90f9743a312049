-- name: claim (engine)
-- Claim runs that may start now, fair between workspaces and workflows.
select run_id, workspace_id, workflow_id, lease_epoch as epoch, attempts, recovered from claim_runs(:holder, :most, :lease_s);

-- name: claim_one (engine)
-- Claim this run if the rules let it start now.
select run_id, workspace_id, workflow_id, lease_epoch as epoch, attempts, recovered from claim_run(:run_id, :holder, :lease_s);

-- name: mark_started (engine)
-- Its execution is known to Temporal; the claim of that epoch is done.
update workflow_execution_queue set
    state = 'started', lease_until = null, started_at = coalesce(started_at, now()), not_before = null
where run_id = :run_id and lease_epoch = :epoch and state in ('starting', 'ready');

-- name: release (engine)
-- Give claims back, to be claimed again after a delay.
update workflow_execution_queue q set
    state = 'ready', lease_until = null, holder = null, not_before = now() + make_interval(secs => :delay_s)
from unnest(:run_ids::uuid[], :epochs::integer[]) as given (run_id, epoch)
where q.run_id = given.run_id and q.lease_epoch = given.epoch and q.state = 'starting';

-- name: recover (engine)
-- The run's execution is lost: it is started again and takes over what its log has.
update workflow_execution_queue set
    state = 'ready', lease_until = null, holder = null, not_before = null, recovered = true
where run_id = :run_id and state in ('started', 'starting');

-- name: open_rows (engine)
-- Runs that Temporal should know, in order of their ids.
select q.run_id, q.workspace_id, q.workflow_id, q.state, q.recovered, q.started_at from workflow_execution_queue q
where q.run_id > :after and q.state = 'started' and q.started_at < now() - make_interval(secs => :older_s)
order by q.run_id
limit :most;

-- name: unblock (engine)
-- Keys without an active run whose next one still stands blocked: a repair that should find none.
with stuck as (
    select distinct on (q.workflow_id, q.concurrency_key) q.run_id
    from workflow_execution_queue q
    where q.state = 'blocked' and not exists (
        select from workflow_execution_queue o
        where o.workflow_id = q.workflow_id and o.concurrency_key = q.concurrency_key and o.state <> 'blocked')
    order by q.workflow_id, q.concurrency_key, q.seq
)
update workflow_execution_queue q set state = 'ready' from stuck where q.run_id = stuck.run_id and q.state = 'blocked'
returning q.run_id;

-- name: depth (engine)
-- How many runs wait to start, and since when the oldest does.
select count(*) as waiting, min(created_at) as oldest from workflow_execution_queue where state in ('ready', 'blocked', 'starting');

-- name: anything_waits (engine)
-- Whether any run waits for its key, for room, or for a hand.
select exists (select from workflow_execution_queue where state in ('ready', 'blocked'));
