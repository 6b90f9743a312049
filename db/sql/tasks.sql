-- name: page (app, engine)
-- Open runs' steps that wait for a person or a program, newest first, before a place.
select l.run_id, l.path, l.attempt, l.step, l.module, l.started_at, l.wait_until, l.input, l.resume_url, r.workflow_id,
    w.name as workflow, r.compiled_hash
from workflow_execution_logs l
join workflow_runs r on r.run_id = l.run_id
join workflows w on w.workflow_id = r.workflow_id
where l.workspace_id = :workspace_id and l.status = 'waiting' and l.wait_kind = 'event' and r.finished_at is null
    and (l.started_at, l.run_id, l.path) < (:before_started::timestamptz, :before_run_id::uuid, :before_path::text)
order by l.started_at desc, l.run_id desc, l.path desc
limit :most;
