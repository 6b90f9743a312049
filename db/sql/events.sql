-- name: bind (app)
-- A trigger of the live version listens.
insert into workflow_listeners (workspace_id, workflow_id, trigger_id, kind, names, statuses, filter)
values (:workspace_id, :workflow_id, :trigger_id, :kind, :names, :statuses, :filter);

-- name: unbind (app)
-- Nothing of the workflow listens.
delete from workflow_listeners where workspace_id = :workspace_id and workflow_id = :workflow_id;

-- name: listening (app, engine)
-- Triggers that listen to events of a name, in a fixed order.
select l.workflow_id, l.trigger_id, l.filter from workflow_listeners l
where l.workspace_id = :workspace_id and l.kind = 'event' and l.names @> array[:name::text]
order by l.workflow_id, l.trigger_id;

-- name: chain_of (engine)
-- The workflows that led to a run, and its own.
select unnest(array_append(r.chain, r.workflow_id)) from workflow_runs r where r.workspace_id = :workspace_id and r.run_id = :run_id;

-- name: lock_key (app, engine)
-- Nobody else looks at what waits, or is kept, under this key until the commit.
select pg_advisory_xact_lock(hashtextextended(:workspace_id::bigint || ':' || :key::text, 4))::text;

-- name: waits (app, engine)
-- Waits under a key; `open` where the step still waits.
select e.run_id, e.path, e.schema,
    exists (select from workflow_execution_queue q where q.run_id = e.run_id) and coalesce((
        select l.status in ('running', 'waiting') from workflow_execution_logs l
        where l.run_id = e.run_id and l.path = e.path
        order by l.attempt desc limit 1), false) as open
from event_waits e
where e.workspace_id = :workspace_id and e.key = :key
order by e.run_id, e.path;

-- name: wait (engine)
-- A step of an open run waits under a key.
insert into event_waits (workspace_id, run_id, path, key, schema)
select :workspace_id, :run_id, :path, :key, :schema
where exists (select from workflow_execution_queue q where q.run_id = :run_id)
on conflict (run_id, path) do update set key = excluded.key, schema = excluded.schema;

-- name: wait_no_more (app, engine)
-- A step's wait is over.
delete from event_waits where workspace_id = :workspace_id and run_id = :run_id and path = :path;

-- name: keep (app, engine)
-- Keep an event for the wait that comes.
insert into kept_events (workspace_id, event_id, key, name, data, until)
values (:workspace_id, :event_id, :key, :name, :data, now() + make_interval(secs => :window_s));

-- name: kept (engine)
-- Events that are kept under a key, oldest first.
select k.event_id, k.data from kept_events k
where k.workspace_id = :workspace_id and k.key = :key and k.until > now()
order by k.event_id
limit :most;

-- name: take_kept (engine)
-- It ended a wait.
delete from kept_events where workspace_id = :workspace_id and event_id = :event_id;
