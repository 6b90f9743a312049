-- name: post (app, engine)
-- Take the body that ends a step's wait; the first one stays.
select post_resume(:workspace_id, :run_id, :path, :body);

-- name: get (app, engine)
-- What was posted for a step.
select path, body, posted_at from workflow_resumes
where run_id = :run_id and path = :path and workspace_id = :workspace_id;

-- name: answer (app, engine)
-- Take the body that ends a step's wait, of one that is known to wait; gives whether it is the first one.
with kept as (
    insert into workflow_resumes (workspace_id, run_id, path, body) values (:workspace_id, :run_id, :path, :body)
    on conflict (run_id, path) do nothing
    returning workspace_id, run_id, path
), told as (
    insert into workflow_signals (workspace_id, run_id, kind, path) select k.workspace_id, k.run_id, 'resume', k.path from kept k
)
select count(*) > 0 from kept;
