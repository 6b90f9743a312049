-- name: claim (engine)
-- Claim runs that may start now, fair between workspaces and workflows.
select run_id, workspace_id, workflow_id, lease_epoch as epoch, attempts, recovered
from claim_runs(:holder, :most, :lease_s, :after);

-- name: send (engine)
-- The claim's start is sent now, if it is still the last claim of the run.
select send_run(:run_id, :epoch, :lease_s);

-- name: mark_started (engine)
-- Its execution is known to Temporal; the claim of that epoch is done.
select mark_started(:run_id, :epoch);

-- name: release (engine)
-- Give claims back, to be claimed again after a delay; tells which were still the claimer's, and who was to be cancelled meanwhile.
with released as (
    update workflow_execution_queue q set
        state = case when :delay_s::double precision > 0 then 'starting' else 'ready' end, turn = 0, holder = null,
        lease_until = case when :delay_s > 0 then now() + make_interval(secs => :delay_s) end
    from unnest(:run_ids::uuid[], :epochs::integer[]) as given (run_id, epoch)
    where q.run_id = given.run_id and q.lease_epoch = given.epoch and q.state = 'starting'
    returning q.run_id, q.workspace_id
)
select r.run_id, r.workspace_id, h.cancel_requested_at is not null as cancelled
from released r
join workflow_runs h on h.run_id = r.run_id;

-- name: recover (engine)
-- The run's execution is lost: it is started again and takes over what its log has. Claims and looks of before count no more.
update workflow_execution_queue set
    state = 'ready', turn = 0, lease_until = null, holder = null, lease_epoch = lease_epoch + 1, recovered = true, trouble = null
where run_id = :run_id and lease_epoch = :epoch and state in ('started', 'starting');

-- name: open_rows (engine)
-- Runs that Temporal should know, in order of their ids.
select q.run_id, q.workspace_id, q.workflow_id, q.lease_epoch as epoch, q.state, q.recovered, q.started_at from workflow_execution_queue q
where q.run_id > :after and q.state = 'started' and q.started_at < now() - make_interval(secs => :older_s)
order by q.run_id
limit :most;

-- name: repair (engine)
-- Let runs go whose key or cap is free though they stand behind it; it should find none.
select repair_queue();

-- name: ends_of_line (engine)
-- The started runs with the smallest and the greatest id, once they were started a while ago.
(select q.run_id from workflow_execution_queue q
where q.state = 'started' and q.started_at < now() - make_interval(secs => :older_s)
order by q.run_id
limit 1)
union
(select q.run_id from workflow_execution_queue q
where q.state = 'started' and q.started_at < now() - make_interval(secs => :older_s)
order by q.run_id desc
limit 1);

-- name: unowned (engine)
-- Of these executions those that no open run has: their runs ended a while ago, or are unknown.
select given.id as workflow_id, r.run_id is not null as ended
from unnest(:ids::text[]) as given (id)
left join workflow_execution_queue q on q.run_id = given.id::uuid
left join workflow_runs r on r.run_id = given.id::uuid
where q.run_id is null and (r.run_id is null or r.finished_at < now() - make_interval(secs => :ended_s));

-- name: at_work (engine)
-- Started runs in trouble, and some of those that are at work and not waiting, in order of their ids.
(select q.run_id, q.workspace_id, true as troubled, r.cancel_requested_at is not null as cancel_requested
from workflow_execution_queue q
join workflow_runs r on r.run_id = q.run_id
where q.trouble is not null
order by q.run_id
limit :most)
union all
(select q.run_id, q.workspace_id, false, r.cancel_requested_at is not null
from workflow_execution_queue q
join workflow_runs r on r.run_id = q.run_id
where q.run_id > :after and q.state = 'started' and q.trouble is null and q.started_at < now() - make_interval(secs => :older_s)
    and (r.status in ('queued', 'running') or r.cancel_requested_at is not null)
order by q.run_id
limit :most);

-- name: note_trouble (engine)
-- The engine can't go on with these started runs, for the reason given; null: it can.
update workflow_execution_queue q set trouble = given.trouble
from unnest(:run_ids::uuid[], :troubles::text[]) as given (run_id, trouble)
where q.run_id = given.run_id and q.state = 'started' and q.trouble is distinct from given.trouble
returning q.workspace_id, q.run_id, q.trouble;

-- name: depth (engine)
-- How many runs wait to start, and since when the oldest does.
select count(*) as waiting, min(created_at) as oldest from workflow_execution_queue where state in ('ready', 'capped', 'blocked', 'starting');

-- name: anything_waits (engine)
-- Whether the end of a run may let another one go; each part is one step into an index, in its order.
select coalesce(
    (select true from workflow_execution_queue where state = 'ready' order by workspace_id, turn, seq limit 1),
    (select true from workflow_execution_queue where state = 'capped' order by workflow_id, seq limit 1),
    (select true from workflow_execution_queue where state = 'blocked' order by workflow_id, concurrency_key, seq limit 1),
    false);
