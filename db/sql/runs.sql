-- name: accept (app, engine)
-- Take a run in: event, document, payloads, header and queue row, all or nothing.
select outcome, id as run_id, state, epoch
from accept_run(:header, :trigger_data, :options_data, :warnings_data, :compiled_data, :words, :refs, :bodies, :event_head,
    :event_raw);

-- name: request_cancel (app, engine)
-- Ask a run to stop; one that never began ends at once.
select outcome, next_run from request_cancel(:workspace_id, :run_id, :reason);

-- name: keep_response (engine)
-- Keep the answer for whoever waits on a sync webhook.
select keep_response(:workspace_id, :run_id, :answer);

-- name: kept_response (app, engine)
-- The answer that a run has given.
select response from workflow_runs where run_id = :run_id and workspace_id = :workspace_id;

-- name: pin (app, engine)
-- Keep a run from retention.
select pin_run(
    :workspace_id, :run_id,
    (select coalesce(u.email, k.name) from api_keys k left join users u on u.user_id = k.user_id
        where k.workspace_id = :workspace_id and k.api_key_id = :api_key_id),
    :why);

-- name: unpin (app, engine)
-- Let it go at its time again.
update workflow_runs set pinned_at = null, pinned_by = null, pinned_reason = null
where run_id = :run_id and workspace_id = :workspace_id and pinned_at is not null;

-- name: by_ids (app, engine)
-- Headers of these runs, newest first.
select workspace_id, run_id, workflow_id, workflow, version, status, carrier, trigger_type, trigger_id, trigger, output, error,
    warnings, test, options, replay_of, parent_run_id, parent_path, depth, origin, reply_until, response, concurrency_key,
    log, retention_days, queued_at, started_at, finished_at, cancel_requested_at, cancel_reason, expires_at, event_seq,
    status_seq, changed_xid, compiled_hash, pinned_at, pinned_by, pinned_reason, queued_for,
    queued_behind, cap, open_runs, start_attempts, trouble
from run_headers
where run_id = any (:run_ids::uuid[])
order by run_id desc;

-- name: heads (app, engine)
-- The same without their data, as streams tell of them.
select workspace_id, run_id, workflow_id, workflow, version, status, carrier, trigger_type, trigger_id, null::json as trigger,
    null::json as output, error, null::json as warnings, test, null::json as options, replay_of, parent_run_id, parent_path,
    depth, origin, reply_until, null::json as response, concurrency_key, log, retention_days, queued_at, started_at,
    finished_at, cancel_requested_at, cancel_reason, expires_at, event_seq, status_seq, changed_xid, compiled_hash, pinned_at,
    pinned_by, pinned_reason, null::text as queued_for,
    null::uuid as queued_behind, null::integer as cap, null::bigint as open_runs, null::integer as start_attempts, null::text as trouble
from run_headers
where run_id = any (:run_ids::uuid[])
order by run_id desc;

-- fragment: newest
    (:statuses::text[] is null or r.status = any (:statuses))
    and (:version::integer is null or r.version = :version)
    and (:trigger_type::text is null or r.trigger_type = :trigger_type)
    and (:test::boolean is null or r.test = :test)
    and (:pinned::boolean is null or (r.pinned_at is not null) = :pinned)
    and r.run_id >= :lowest and r.run_id < :below
order by r.run_id desc
limit :most

-- fragment: oldest
    (:statuses::text[] is null or r.status = any (:statuses))
    and (:version::integer is null or r.version = :version)
    and (:trigger_type::text is null or r.trigger_type = :trigger_type)
    and (:test::boolean is null or r.test = :test)
    and (:pinned::boolean is null or (r.pinned_at is not null) = :pinned)
    and r.run_id >= :lowest and r.run_id < :below
order by r.run_id
limit :most

-- name: newest_all (app, engine)
-- Ids of the workspace's runs, newest first.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and (:workflow_id::uuid is null or r.workflow_id = :workflow_id) and {newest};

-- name: newest_of_workflow (app, engine)
-- Ids of one workflow's runs, newest first.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.workflow_id = :workflow_id and {newest};

-- name: newest_unlucky (app, engine)
-- Ids of runs that failed, were cancelled or ran out of time, newest first; few among many, so they have an index.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.status in ('failed', 'cancelled', 'timed_out')
    and :workflow_id::uuid is null and {newest};

-- name: newest_unlucky_of_workflow (app, engine)
-- The same of one workflow, by an index of its own.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.status in ('failed', 'cancelled', 'timed_out')
    and r.workflow_id = :workflow_id and {newest};

-- name: newest_pinned (app, engine)
-- Ids of pinned runs, newest first; few, so they have an index.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.pinned_at is not null
    and (:workflow_id::uuid is null or r.workflow_id = :workflow_id) and {newest};

-- name: newest_open (app, engine)
-- Ids of runs that have not ended, newest first; read from the queue, which holds no others.
select r.run_id from workflow_execution_queue q
join workflow_runs r on r.run_id = q.run_id
where q.workspace_id = :workspace_id and q.run_id >= :lowest and q.run_id < :below
    and (:workflow_id::uuid is null or q.workflow_id = :workflow_id) and {newest};

-- name: oldest_all (app, engine)
-- Ids of the workspace's runs, oldest first.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and (:workflow_id::uuid is null or r.workflow_id = :workflow_id) and {oldest};

-- name: oldest_of_workflow (app, engine)
-- Ids of one workflow's runs, oldest first.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.workflow_id = :workflow_id and {oldest};

-- name: oldest_unlucky (app, engine)
-- Ids of runs that failed, were cancelled or ran out of time, oldest first; few among many, so they have an index.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.status in ('failed', 'cancelled', 'timed_out')
    and :workflow_id::uuid is null and {oldest};

-- name: oldest_unlucky_of_workflow (app, engine)
-- The same of one workflow, by an index of its own.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.status in ('failed', 'cancelled', 'timed_out')
    and r.workflow_id = :workflow_id and {oldest};

-- name: oldest_pinned (app, engine)
-- Ids of pinned runs, oldest first; few, so they have an index.
select r.run_id from workflow_runs r
where r.workspace_id = :workspace_id and r.pinned_at is not null
    and (:workflow_id::uuid is null or r.workflow_id = :workflow_id) and {oldest};

-- name: oldest_open (app, engine)
-- Ids of runs that have not ended, oldest first; read from the queue, which holds no others.
select r.run_id from workflow_execution_queue q
join workflow_runs r on r.run_id = q.run_id
where q.workspace_id = :workspace_id and q.run_id >= :lowest and q.run_id < :below
    and (:workflow_id::uuid is null or q.workflow_id = :workflow_id) and {oldest};

-- name: search (app, engine)
-- Ids of runs that hold all these words, newest or oldest first.
select search_runs(
    :words, :workflow_id, :statuses, :version, :trigger_type, :test, :pinned, :lowest, :below, :most, :oldest_first);

-- name: changed (app, engine)
-- Runs whose header changed after the given place in the workspace's stream, in its order.
select r.changed_xid as xid, r.run_id from workflow_runs r
where r.workspace_id = :workspace_id
    and (r.changed_xid, r.run_id) > (:after_xid::bigint, :after_run::uuid)
    and r.changed_xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
order by r.changed_xid, r.run_id
limit :most;

-- name: stream_end (app, engine)
-- The place in the workspace's stream before which nothing will appear any more.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1;

-- name: children (app, engine)
-- Open child runs of a run.
select r.run_id from workflow_runs r
where r.parent_run_id = :run_id and r.workspace_id = :workspace_id and r.finished_at is null
order by r.run_id;

-- name: child_of (app, engine)
-- The run that this one of a parent's steps started, whatever became of it.
select r.run_id from workflow_runs r
where r.parent_run_id = :run_id and r.workspace_id = :workspace_id and r.parent_path = :path and r.origin = :origin
order by r.run_id
limit 1;

-- name: open_of_workflow (app, engine)
-- Ids of a workflow's open runs, oldest first.
select q.run_id from workflow_execution_queue q
where q.workspace_id = :workspace_id and q.workflow_id = :workflow_id and q.run_id > :after
order by q.run_id
limit :most;

-- name: ended_by_status (engine)
-- How these runs ended.
select r.status, count(*) from workflow_runs r
where r.run_id = any (:run_ids::uuid[]) and r.finished_at is not null
group by r.status
order by r.status;

-- name: counts (app, engine)
-- How many of the workspace's runs are open, by state.
select r.status, count(*) from workflow_execution_queue q
join workflow_runs r on r.run_id = q.run_id
where q.workspace_id = :workspace_id
group by r.status
order by r.status;
