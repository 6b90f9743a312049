-- name: expired_runs (engine)
-- Runs past a retention that is shorter than usual; the others go with their week. Locked, so that none is pinned meanwhile.
select run_id from workflow_runs
where expires_at < now() and retention_days < 30 and pinned_at is null
order by expires_at
limit :most
for update skip locked;

-- name: left_behind (engine)
-- Longer kept runs past their time, in old weeks that some open, pinned or longer kept run holds.
select run_id from workflow_runs
where run_id < :below and expires_at < now() and retention_days >= 30 and pinned_at is null
order by expires_at
limit :most
for update skip locked;

-- name: pinned_of_workflow (app, engine)
-- How many runs of a workflow are pinned.
select count(*) from workflow_runs
where workspace_id = :workspace_id and workflow_id = :workflow_id and pinned_at is not null;

-- name: runs_of_workflow (engine)
-- Ended runs of a workflow that goes altogether.
select run_id from workflow_runs
where workspace_id = :workspace_id and workflow_id = :workflow_id and finished_at is not null
limit :most;

-- name: delete_payloads (engine)
-- Payloads of these runs.
delete from workflow_payloads where run_id = any (:run_ids::uuid[]);

-- name: delete_logs (engine)
-- Log rows of these runs.
delete from workflow_execution_logs where run_id = any (:run_ids::uuid[]);

-- name: delete_resumes (engine)
-- Posted bodies of these runs.
delete from workflow_resumes where run_id = any (:run_ids::uuid[]);

-- name: delete_runs (engine)
-- These headers, last of all.
delete from workflow_runs where run_id = any (:run_ids::uuid[]) and finished_at is not null;

-- name: old_events (engine)
-- Inbox rows that nobody shows any more, and that no repeat can meet.
delete from events_to_be_processed where event_id in (
    select e.event_id from events_to_be_processed e
    where e.kind <> 'api' and e.received_at < now() - interval '30 days' and (e.dedupe_until is null or e.dedupe_until < now())
        and e.verdict <> 'waiting'
        and not exists (select from events_to_be_processed o where o.content_of = e.event_id and o.verdict in ('waiting', 'failed'))
    order by e.received_at limit :most);

-- name: old_keys (engine)
-- Keys that came with calls of the API, or of children, and that no repeat can meet any more.
delete from events_to_be_processed where event_id in (
    select event_id from events_to_be_processed
    where kind = 'api' and (dedupe_until is null or dedupe_until < now())
    order by dedupe_until nulls first limit :most);

-- name: old_contents (engine)
-- What came goes after a week, unless it is still to be taken, by its own event or one that shares it.
update events_to_be_processed set head = null, raw = null where event_id in (
    select e.event_id from events_to_be_processed e
    where e.received_at < now() - interval '7 days' and e.head is not null and e.verdict not in ('waiting', 'failed')
        and not exists (select from events_to_be_processed o where o.content_of = e.event_id and o.verdict in ('waiting', 'failed'))
    order by e.received_at limit :most);

-- name: old_idempotency (engine)
-- Answers that are kept no longer.
delete from idempotency_keys where (workspace_id, key) in (
    select workspace_id, key from idempotency_keys where expires_at < now() limit :most);

-- name: expired_key_values (engine)
-- Values whose time is over, a day later: until then their version goes on.
with picked as (
    select workspace_id, scope, key from key_values where expires_at < now() - interval '1 day' limit :most
    for update skip locked
)
delete from key_values v using picked p where (v.workspace_id, v.scope, v.key) = (p.workspace_id, p.scope, p.key);

-- name: old_operations (engine)
-- Answers of key-value writes; no run repeats a step that long after.
delete from key_value_operations where (workspace_id, operation) in (
    select workspace_id, operation from key_value_operations where created_at < now() - interval '90 days' limit :most);

-- name: kept_events (engine)
-- Events that nobody waited for in their time.
delete from kept_events where event_id in (select event_id from kept_events where until < now() order by until limit :most);

-- name: left_waits (engine)
-- Waits of runs that are over: they were entered in the moment of the end.
delete from event_waits where (run_id, path) in (
    select e.run_id, e.path from event_waits e
    where not exists (select from workflow_execution_queue q where q.run_id = e.run_id) limit :most);

-- name: unseen_keys (engine)
-- Keys that a poll's answers haven't named for thirty days in which it got some.
delete from poll_keys where (poll_id, key) in (
    select k.poll_id, k.key from poll_keys k join polls p on p.poll_id = k.poll_id
    where k.seen_at < now() - interval '30 days' and k.seen_at < p.answered_at - interval '30 days'
    order by k.seen_at limit :most);

-- name: strip_answers (engine)
-- Outputs and answers of runs that keep no data, once whoever waited has them.
update workflow_runs set output = null, response = null
where log = 'none' and finished_at < now() - interval '1 hour' and finished_at > now() - interval '2 days'
    and (output is not null or response is not null);

-- name: strip_payloads (engine)
-- The same for what lay beside the header.
delete from workflow_payloads p using workflow_runs r
where r.run_id = p.run_id and p.kind = 'data' and r.log = 'none' and r.finished_at < now() - interval '1 hour'
    and r.finished_at > now() - interval '2 days';

-- name: retire_documents (engine)
-- Compiled documents that no run refers to; they go an hour later unless one begins with them.
update workflows_documents d set retired_at = now()
where d.retired_at is null and d.created_at < now() - interval '1 day' and not exists (
    select from workflow_runs r where r.workspace_id = d.workspace_id and r.compiled_hash = d.compiled_hash);

-- name: delete_documents (engine)
-- Those that were retired an hour ago and are still not used.
delete from workflows_documents d
where d.retired_at < now() - interval '1 hour' and not exists (
    select from workflow_runs r where r.workspace_id = d.workspace_id and r.compiled_hash = d.compiled_hash);
