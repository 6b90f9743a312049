-- fragment: columns
    s.workspace_id, s.schedule_id, s.workflow_id, w.name as workflow, w.status as workflow_status, s.trigger_id, s.live, s.cron, s.every_s,
    s.timezone, s.overlap, s.catchup_s, s.jitter_s, s.paused_at, s.pause_reason, s.next_at, s.due_at, s.last_at

-- name: of_workflow (app, engine)
-- The schedules that a workflow has, or had, held until the transaction's end.
select {columns}
from schedules s
join workflows w on w.workflow_id = s.workflow_id
where s.workspace_id = :workspace_id and s.workflow_id = :workflow_id
for update of s;

-- name: put (app, engine)
-- A schedule as the live version has it.
insert into schedules as s
    (workspace_id, schedule_id, workflow_id, trigger_id, live, cron, every_s, timezone, overlap, catchup_s, jitter_s, next_at, due_at)
values (:workspace_id, :schedule_id, :workflow_id, :trigger_id, true, :cron, :every_s, :timezone, :overlap, :catchup_s, :jitter_s,
    :next_at, :due_at)
on conflict (workflow_id, trigger_id) do update set live = true, cron = excluded.cron, every_s = excluded.every_s,
    timezone = excluded.timezone, overlap = excluded.overlap, catchup_s = excluded.catchup_s, jitter_s = excluded.jitter_s,
    next_at = excluded.next_at, due_at = excluded.due_at;

-- name: retire (app, engine)
-- The live version has these triggers no more.
update schedules set live = false, next_at = null, due_at = null
where workspace_id = :workspace_id and workflow_id = :workflow_id and live and trigger_id <> all (:kept::text[]);

-- name: set_next (app, engine)
-- When it is due next; null: it stands still. last_at: its times up to that one are in the inbox.
update schedules set next_at = :next_at, due_at = :due_at, last_at = coalesce(:last_at, last_at)
where workspace_id = :workspace_id and schedule_id = :schedule_id;

-- name: pause (app, engine)
-- It stands still, for a reason.
update schedules set paused_at = coalesce(paused_at, now()), pause_reason = :reason, next_at = null, due_at = null
where workspace_id = :workspace_id and schedule_id = :schedule_id;

-- name: resume (app, engine)
-- It goes on.
update schedules set paused_at = null, pause_reason = null, next_at = :next_at, due_at = :due_at
where workspace_id = :workspace_id and schedule_id = :schedule_id;

-- name: list_schedules (app, engine)
-- Of workflows that aren't deleted, those live, newest first.
select {columns}
from schedules s
join workflows w on w.workflow_id = s.workflow_id
where s.workspace_id = :workspace_id and s.schedule_id < :below and s.live and w.status <> 'deleted'
    and (:workflow_id::uuid is null or s.workflow_id = :workflow_id)
order by s.schedule_id desc
limit :most;

-- name: get (app, engine)
-- One that is live.
select {columns}
from schedules s
join workflows w on w.workflow_id = s.workflow_id
where s.workspace_id = :workspace_id and s.schedule_id = :schedule_id and s.live and w.status <> 'deleted';

-- name: hold (app, engine)
-- Lock one until the transaction's end.
select s.schedule_id from schedules s where s.workspace_id = :workspace_id and s.schedule_id = :schedule_id for update;

-- name: take_due (engine)
-- What is due at that moment and nobody else has in hand, the longest due first.
select {columns}
from schedules s
join workflows w on w.workflow_id = s.workflow_id
where s.due_at <= :now
order by s.due_at
limit :most
for update of s skip locked;

-- name: next_due (engine)
-- When anything is due next; null when nothing is.
select s.due_at from schedules s where s.due_at is not null order by s.due_at limit 1;

-- name: open_runs (app, engine)
-- Open runs that a schedule started, oldest first.
select r.run_id from workflow_execution_queue q
join workflow_runs r on r.run_id = q.run_id
where q.workflow_id = :workflow_id and r.trigger_type = 'schedule' and r.trigger_id = :trigger_id and r.workspace_id = :workspace_id
order by r.run_id
limit :most;

-- name: waiting (app, engine)
-- How many of its times wait in the inbox.
select count(*) from events_to_be_processed e
where e.workspace_id = :workspace_id and e.source = :source and e.verdict = 'waiting';
